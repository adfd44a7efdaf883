//! Runs experiments: links the built-in plugins and runs every cell in a process of its own.
