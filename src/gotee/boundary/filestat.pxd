from libc.stdint cimport int64_t, uint64_t


cdef struct Fields:              # as they cross: 80 bytes, little endian
    uint64_t mode
    uint64_t inode
    uint64_t device
    uint64_t links
    uint64_t user
    uint64_t group
    int64_t size
    int64_t accessed             # times in ns since 1970
    int64_t modified
    int64_t changed


cdef class Stat:
    cdef Fields fields
