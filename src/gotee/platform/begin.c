/* How a platform process of level development begins: an interpreter for its enclave first, its own then. Platform world.

     begin CONTROL PYTHON PACKAGE CODE

   CONTROL is a socket to the host. It ends by executing PYTHON -I -S -c CODE 3 PACKAGE [BEGUN] in this process: then
   CONTROL is 3. An enclave's interpreter takes longest of all that a start consists of, and Python takes a while before
   it can start one. So what the last verified image began with is kept as a recipe (gotee.platform.recipe): which files
   are copied, which words an interpreter is started with. This follows it, and BEGUN tells what was made. It decides
   nothing: the interpreter waits for an image, and gets one only if the platform would have written the same recipe for
   it. Where anything is wrong, nothing is begun.

   A file that has the stamp that it had when it was verified is copied and sealed, and not hashed again: that catches
   accidents, and claims no more. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x10U /* linux/memfd.h, since 6.3 */
#endif

enum {
    CONTROL = 3,
    NUMBERS = 8,      /* what an interpreter gets is numbered from here: as in gotee.platform.recipe */
    MOST_FILES = 200,
    MOST_WORDS = 64,
    MOST_RECIPE = 1 << 26, /* bytes */
    PATIENCE = 20,    /* attempts to seal, see gotee.image.memory */
    SEALS = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE,
};

static const char MAGIC[] = "gotee-recipe 1\n";

struct file {
    const char *place, *stamp;
    off_t start;
    size_t size;
    int first;  /* mapped before the interpreter starts, or itself */
    int number; /* of the descriptor, which only reads */
};

struct recipe {
    const char *at, *end;
    char *words[MOST_WORDS + 1], *environment[2];
    struct file files[MOST_FILES];
    int count;
    const char *block, *modules, *script, *plan;
    size_t block_size, modules_size, script_size, plan_size;
};

/* -- what is kept ------------------------------------------------------------------------------------- */

/* The next field: its length in four bytes, the lowest first, its bytes, and a zero. */
static const char *field(struct recipe *from, size_t *size)
{
    const unsigned char *head = (const unsigned char *)from->at;
    if (from->end - from->at < 5)
        return NULL;
    size_t length = head[0] | head[1] << 8 | head[2] << 16 | (size_t)head[3] << 24;
    if (length > (size_t)(from->end - from->at) - 5 || from->at[4 + length])
        return NULL;
    from->at += 4 + length + 1;
    if (size)
        *size = length;
    return (const char *)head + 4;
}

static long number(struct recipe *from, long most)
{
    char *end;
    const char *text = field(from, NULL);
    if (!text || !*text)
        return -1;
    long found = strtol(text, &end, 10);
    return *end || found < 0 || found > most ? -1 : found;
}

static int understand(struct recipe *recipe)
{
    if (recipe->end - recipe->at < (long)sizeof MAGIC - 1 || memcmp(recipe->at, MAGIC, sizeof MAGIC - 1))
        return -1;
    recipe->at += sizeof MAGIC - 1;
    long words = number(recipe, MOST_WORDS);
    for (long i = 0; i < words; i++)
        if (!(recipe->words[i] = (char *)field(recipe, NULL)))
            return -1;
    if (words < 1 || !(recipe->environment[0] = (char *)field(recipe, NULL)) ||
        !(recipe->block = field(recipe, &recipe->block_size)) ||
        !(recipe->modules = field(recipe, &recipe->modules_size)) ||
        !(recipe->script = field(recipe, &recipe->script_size)) ||
        !(recipe->plan = field(recipe, &recipe->plan_size)) ||
        (recipe->count = number(recipe, MOST_FILES)) < 0)
        return -1;
    for (int i = 0; i < recipe->count; i++) {
        struct file *file = recipe->files + i;
        long first = number(recipe, 1), start = number(recipe, INT_MAX), size = number(recipe, INT_MAX);
        if (first < 0 || start < 0 || size < 0)
            return -1;
        file->first = first;
        file->start = start;
        file->size = size;
        file->number = NUMBERS + 2 + i;
    }
    for (int i = 0; i < recipe->count; i++)
        if (!(recipe->files[i].place = field(recipe, NULL)) || !(recipe->files[i].stamp = field(recipe, NULL)))
            return -1;
    return recipe->at == recipe->end ? 0 : -1;
}

/* The recipe of this interpreter and this gotee; its descriptor. The folder is that of gotee.platform.state. */
static int find(struct recipe *recipe, const char *python, const char *package)
{
    char path[PATH_MAX];
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME"), *below = "";
    struct stat interpreter, rooms, kept;
    if (!state || *state != '/') {
        if (!home || *home != '/')
            return -1;
        state = home;
        below = "/.local/state";
    }
    if (snprintf(path, sizeof path, "%s/image", package) >= (int)sizeof path || stat(path, &rooms) ||
        stat(python, &interpreter))
        return -1;
    if (snprintf(path, sizeof path, "%s%s/gotee/platform/compared/recipe-%lx-%lx-%lx-%lx", state, below,
                 (long)interpreter.st_dev, (long)interpreter.st_ino, (long)rooms.st_dev, (long)rooms.st_ino) >=
        (int)sizeof path)
        return -1;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || fstat(file, &kept) || kept.st_size > MOST_RECIPE)
        return -1;
    char *data = malloc(kept.st_size + 1);
    if (!data || pread(file, data, kept.st_size, 0) != kept.st_size)
        return -1;
    recipe->at = data;
    recipe->end = data + kept.st_size;
    return understand(recipe) ? -1 : file;
}

/* -- memory ------------------------------------------------------------------------------------------- */

static int opened(int descriptor, int how)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    return open(path, how | O_CLOEXEC);
}

static int moved(int descriptor, int to)
{
    if (descriptor < 0 || descriptor == to)
        return descriptor;
    int done = dup3(descriptor, to, O_CLOEXEC);
    close(descriptor);
    return done;
}

/* Empty memory, as a descriptor of this number which only reads: see gotee.image.memory. */
static int new_memory(int number)
{
    int writes = memfd_create("gotee", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
    if (writes < 0 && errno == EINVAL)
        writes = memfd_create("gotee", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (writes < 0)
        return -1;
    int reads = opened(writes, O_RDONLY);
    close(writes);
    return moved(reads, number);
}

/* The kernel refuses while it moves a page itself: see gotee.image.memory. */
static int sealed(int writes)
{
    int left = PATIENCE;
    while (fcntl(writes, F_ADD_SEALS, SEALS))
        if (errno != EBUSY || !--left)
            return -1;
    return 0;
}

static int filled_with(int number, const char *data, size_t size)
{
    if (new_memory(number) < 0)
        return -1;
    int writes = opened(number, O_RDWR);
    if (writes < 0)
        return -1;
    while (size) {
        ssize_t written = write(writes, data, size);
        if (written <= 0)
            return -1;
        data += written;
        size -= written;
    }
    return sealed(writes) || close(writes) ? -1 : 0;
}

/* Whether it is the file that was verified: the stamp is that of gotee.image.stamps, which begins with a hash. */
static int same(int source, const char *stamp)
{
    struct stat seen;
    struct timespec now;
    char found[160];
    if (fstat(source, &seen) || clock_gettime(CLOCK_REALTIME, &now))
        return 0;
    long long changed = seen.st_ctim.tv_sec * 1000000000LL + seen.st_ctim.tv_nsec;
    if (now.tv_sec * 1000000000LL + now.tv_nsec - changed < 1000000000LL)
        return 0;
    snprintf(found, sizeof found, "%lu %lu %lld %lld %lld", (unsigned long)seen.st_dev, (unsigned long)seen.st_ino,
             (long long)seen.st_size, seen.st_mtim.tv_sec * 1000000000LL + seen.st_mtim.tv_nsec, changed);
    return !strcmp(found, stamp);
}

/* A sealed copy of a file that is the one that was verified, before and after it was copied. */
static int copy(const struct file *file)
{
    int source = open(file->place, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), writes, done = -1;
    if (source < 0)
        return -1;
    if (same(source, file->stamp) && (writes = opened(file->number, O_RDWR)) >= 0) {
        off_t at = file->start;
        size_t left = file->size;
        ssize_t sent;
        while (left && (sent = sendfile(writes, source, &at, left)) > 0)
            left -= sent;
        if (!left && !sealed(writes) && same(source, file->stamp))
            done = 0;
        close(writes);
    }
    close(source);
    return done;
}

/* What is mapped before the interpreter starts, or the rest. */
static int copy_all(const struct recipe *recipe, int first)
{
    for (int i = 0; i < recipe->count; i++)
        if (recipe->files[i].first == first && copy(recipe->files + i))
            return -1;
    return 0;
}

/* -- an interpreter ------------------------------------------------------------------------------------- */

/* It has no environment of ours and no descriptors but its own; see gotee.platform.spawn. */
static pid_t started(const struct recipe *recipe, int plan, int last_words, int count)
{
    volatile int failed = 0;
    pid_t pid = vfork();
    if (!pid) {
        int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
        if (setsid() >= 0 && dup2(plan, 0) == 0 && dup2(nowhere, 1) == 1 && dup2(last_words, 2) == 2) {
            for (int i = NUMBERS; i < NUMBERS + count; i++)
                fcntl(i, F_SETFD, 0);
            execve(recipe->words[0], recipe->words, recipe->environment);
        }
        failed = 1;
        _exit(127);
    }
    if (pid > 0 && failed) {
        waitpid(pid, NULL, 0);
        return -1;
    }
    return pid;
}

/* Begin as the recipe says; 0, and what the platform is told, or -1. */
static int begin(struct recipe *recipe, const char *python, const char *package, char *told, size_t room)
{
    int kept = find(recipe, python, package), pipes[2], gates[2];
    int count = recipe->count + 4, plan = NUMBERS + count;
    if (kept != CONTROL + 1)
        return -1;
    for (int i = 0; i < recipe->count; i++)
        if (new_memory(recipe->files[i].number) < 0)
            return -1;
    if (filled_with(NUMBERS, recipe->block, recipe->block_size) ||
        filled_with(NUMBERS + 1, recipe->modules, recipe->modules_size) ||
        filled_with(NUMBERS + count - 2, recipe->script, recipe->script_size) ||
        filled_with(plan, recipe->plan, recipe->plan_size) || copy_all(recipe, 1) || pipe2(pipes, O_CLOEXEC) ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, gates) || moved(gates[1], NUMBERS + count - 1) < 0)
        return -1;
    pid_t pid = started(recipe, plan, pipes[1], count);
    close(plan);
    close(pipes[1]);
    close(NUMBERS + count - 1);
    close(NUMBERS + count - 2);
    if (pid < 0)
        return -1;
    if (copy_all(recipe, 0) || send(gates[0], "1", 1, MSG_NOSIGNAL) != 1) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        return -1;
    }
    snprintf(told, room, "%d,%d,%d,%d,%d", (int)pid, kept, gates[0], pipes[0], recipe->count + 2);
    for (int i = NUMBERS; i < NUMBERS + recipe->count + 2; i++)
        fcntl(i, F_SETFD, 0);
    fcntl(kept, F_SETFD, 0);
    fcntl(gates[0], F_SETFD, 0);
    fcntl(pipes[0], F_SETFD, 0);
    return 0;
}

int main(int argc, char **argv)
{
    static struct recipe recipe;
    char told[80];
    if (argc != 5)
        return 2;
    signal(SIGINT, SIG_IGN);  /* the terminal's Ctrl-C is the host's business */
    signal(SIGCHLD, SIG_DFL); /* a host that ignores it would have us wait for no child */
    personality(PER_LINUX);   /* nor are the addresses of what we execute random if those of a host are not */
    int control = atoi(argv[1]);
    if (control != CONTROL && dup2(control, CONTROL) < 0)
        return 2;
    int begun = !syscall(SYS_close_range, CONTROL + 1, ~0U, 0) && !begin(&recipe, argv[2], argv[3], told, sizeof told);
    if (!begun)
        syscall(SYS_close_range, CONTROL + 1, ~0U, 0);
    execv(argv[2], (char *[]){argv[2], "-I", "-S", "-c", argv[4], "3", argv[3], begun ? told : NULL, NULL});
    return 127;
}
