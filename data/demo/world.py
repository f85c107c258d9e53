"""The demo world for training: the C code through ctypes, and what the targets are."""
import ctypes
import os
import subprocess
import tempfile

import numpy as np

import hearing

HERE = os.path.dirname(os.path.abspath(__file__))
SIDE, SECONDS, RATE, FPS, KINDS, T = 256, 10, 16000, 12, 6, 5
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)


class _Interval(ctypes.Structure):
    _fields_ = [("start", ctypes.c_double), ("end", ctypes.c_double)]


def _library():
    out = os.path.join(tempfile.mkdtemp(), "world.so")
    subprocess.check_call(["cc", "-std=c17", "-D_GNU_SOURCE", "-O3", "-ffp-contract=off",
                           "-shared", "-fPIC", "-o", out, os.path.join(HERE, "world.c"),
                           os.path.join(HERE, "world_sound.c"), "-lm"])
    lib = ctypes.CDLL(out)
    vp, i, f = ctypes.c_void_p, ctypes.c_int, ctypes.c_double
    pf = ctypes.POINTER(f)
    for name, result, arguments in (
            ("new", vp, [ctypes.c_uint64, i]), ("free", None, [vp]), ("object_count", i, [vp]),
            ("object_kind", i, [vp, i]), ("kind_name", ctypes.c_char_p, [i]),
            ("intervals", i, [vp, i, ctypes.POINTER(_Interval)]), ("radius", f, [vp, i]),
            ("place", None, [vp, i, f, pf, pf]), ("draw", None, [vp, f, vp, vp]),
            ("sound", ctypes.c_bool, [vp, ctypes.c_bool, vp])):
        function = getattr(lib, "em_world_" + name)
        function.restype, function.argtypes = result, arguments
    return lib


LIB = _library()
NAMES = [LIB.em_world_kind_name(k).decode() for k in range(KINDS)]


class World:
    def __init__(self, seed, twins=False):
        self.handle = LIB.em_world_new(seed, int(twins))
        self.count = LIB.em_world_object_count(self.handle)
        self.kinds = [LIB.em_world_object_kind(self.handle, i) for i in range(self.count)]
        self.intervals = []
        for i in range(self.count):
            buffer = (_Interval * SECONDS)()
            n = LIB.em_world_intervals(self.handle, i, buffer)
            self.intervals.append([(buffer[j].start, buffer[j].end) for j in range(n)])

    def __del__(self):
        LIB.em_world_free(self.handle)

    def draw(self, time):
        """uint8 [256,256,3] and the owner map [256,256]."""
        rgb = np.empty((SIDE, SIDE, 3), np.uint8)
        owner = np.empty((SIDE, SIDE), np.uint8)
        LIB.em_world_draw(self.handle, time, rgb.ctypes.data, owner.ctypes.data)
        return rgb, owner

    def sound(self):
        samples = np.empty((SECONDS * RATE, 2), np.int16)
        LIB.em_world_sound(self.handle, True, samples.ctypes.data)
        return samples

    def spect(self):
        """Mel examples of both windows, [2,5,2,96,64]: the sound is cut at 5 s, then heard."""
        wave = self.sound() / 32768.0
        return np.stack([hearing.examples(wave[w * T * RATE:(w + 1) * T * RATE]) for w in range(2)])

    def share(self, i, start, end):
        """How much of [start, end] object i sounds."""
        total = sum(max(0, min(b, end) - max(a, start)) for a, b in self.intervals[i])
        return total / (end - start)

    def sounding(self, second):
        return [i for i in range(self.count) if self.share(i, second, second + 1) >= 0.5]

    def levels(self, start, end):
        """What each ear hears of each kind in [start, end], about 0..1: [2, kinds]."""
        out = np.zeros((2, KINDS), np.float32)
        x, y = ctypes.c_double(), ctypes.c_double()
        for i in range(self.count):
            share = self.share(i, start, end)
            if share <= 0:
                continue
            LIB.em_world_place(self.handle, i, (start + end) / 2, x, y)
            place = min(max(x.value / SIDE, 0.02), 0.98) * np.pi / 2
            loud = 0.07 + 0.16 * (LIB.em_world_radius(self.handle, i) - 19) / 23
            out[0, self.kinds[i]] += share * loud * np.cos(place) / 0.23
            out[1, self.kinds[i]] += share * loud * np.sin(place) / 0.23
        return out


def normalise(rgb):
    """uint8 [...,H,W,3] -> float32 [...,3,H,W]"""
    x = (rgb.astype(np.float32) / 255 - MEAN) / STD
    return np.ascontiguousarray(np.moveaxis(x, -1, -3))
