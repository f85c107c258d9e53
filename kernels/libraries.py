#!/usr/bin/env python3
"""libraries.py - where cuBLASLt and cuDNN are: NVCC -> the flags that compile and link with them.

Looks in the toolkit that nvcc belongs to, in the system's folders, then in the wheels that Python
packages bring along. One line of flags, or one line on stderr and status 1."""
import glob
import os
import sys

WANTED = {"cublasLt": "cublasLt.h", "cudnn": "cudnn.h"}


def places(nvcc):
    """Pairs of folders: headers, libraries."""
    root = os.path.dirname(os.path.dirname(os.path.realpath(nvcc)))
    for libraries in ("lib64", "lib", "targets/x86_64-linux/lib", "targets/sbsa-linux/lib"):
        headers = os.path.join(os.path.dirname(os.path.join(root, libraries)), "include")
        yield (headers, os.path.join(root, libraries))
    for triplet in ("x86_64-linux-gnu", "aarch64-linux-gnu"):
        yield (f"/usr/include/{triplet}", f"/usr/lib/{triplet}")
        yield ("/usr/include", f"/usr/lib/{triplet}")
    for path in sys.path:
        for libraries in sorted(glob.glob(os.path.join(path, "nvidia", "*", "lib"))):
            yield (os.path.join(os.path.dirname(libraries), "include"), libraries)


def find(name, header, nvcc):
    """Flags for one library; the folders of its header and of itself may be two places."""
    headers = libraries = file = None
    for include, lib in places(nvcc):
        if not headers and os.path.exists(os.path.join(include, header)):
            headers = include
        if not libraries:
            # a wheel has lib*.so.N only
            found = sorted(glob.glob(os.path.join(lib, f"lib{name}.so"))
                           + glob.glob(os.path.join(lib, f"lib{name}.so.[0-9]*")))
            if found:
                libraries, file = lib, os.path.basename(found[0])
    if not headers or not libraries:
        missing = header if not headers else f"lib{name}.so"
        sys.exit(f"{missing} was not found beside {nvcc}, in the system, or in Python's wheels")
    return [f"--system-include={headers}", f"-L{libraries}", f"-l:{file}", f"-Xlinker=-rpath={libraries}"]


flags = []
for library, its_header in WANTED.items():
    for flag in find(library, its_header, sys.argv[1]):
        if flag not in flags:
            flags.append(flag)
print(" ".join(flags))
