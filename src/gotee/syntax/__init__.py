"""The keyword form `gosecure f(x)`: rewrite, import hook, converters. Host world; used by cli and the tests."""
