"""Level service: a daemon that runs enclaves under users of their own, from files that root owns. Platform world.

* `spawner` stays root, knows nothing of images, and starts, watches and kills enclaves.
* `daemon` is the platform's own user; it takes connections, counts them, and forks a `session` for each.
* `session` parses what a host sends, verifies the image, and stays until its enclave or its host ends.
* gotee.host.install puts it there, gotee.host.service_status says what is there.
"""
