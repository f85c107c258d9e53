"""Our COCO export through the reference reader: every mask, area and box. 77: not installed."""
import os
import subprocess
import sys
import tempfile

try:
    import numpy as np
    from pycocotools.coco import COCO
except ImportError as missing:
    print("skipped:", missing)
    sys.exit(77)

with tempfile.TemporaryDirectory() as folder:
    out = os.path.join(folder, "export")
    subprocess.run([sys.argv[1], out], check=True)
    coco = COCO(os.path.join(out, "annotations.json"))
    raw = np.fromfile(os.path.join(out, "pixels.raw"), np.uint8).reshape(-1, 23, 37)
    rows = coco.loadAnns(sorted(coco.getAnnIds()))
    assert len(rows) == len(raw) > 80, (len(rows), len(raw))
    for row, want in zip(rows, raw):
        got = coco.annToMask(row)
        assert got.shape == (23, 37) and (got == want).all(), row["id"]
        assert row["area"] == want.sum()
        ys, xs = np.nonzero(want)
        box = [xs.min(), ys.min(), xs.max() - xs.min() + 1, ys.max() - ys.min() + 1]
        assert row["bbox"] == box, (row["bbox"], box)
print(len(rows), "annotations read alike")
