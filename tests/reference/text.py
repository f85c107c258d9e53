#!/usr/bin/env python3
"""Text against `tokenizers` and `transformers`, run by hand: no test depends on Python.

text.py classes            prints src/models/unicode_runs.c: how the reference's own pattern sees
                           every character
text.py compare EM-TEXT    trains a byte-level vocabulary on text found on this machine, then compares
                           tokens of thousands of expressions, hard ones among them, and the rows of a
                           RoBERTa of DistilRoBERTa's size with drawn weights
text.py golden FILE        writes tests/golden/data/text.safetensors: a small vocabulary, expressions,
                           their tokens, and the rows of a small RoBERTa with formula weights
"""
import argparse
import glob
import json
import os
import random
import subprocess
import sys
import tempfile

SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
ROWS = 25


def sources():
    """Prose, code and tables of this machine, with as many scripts as there are."""
    patterns = [
        "/usr/share/common-licenses/*", "/usr/share/doc/*/copyright", "/usr/lib/python3*/*.py",
        "/usr/share/X11/locale/*/Compose", "/usr/share/X11/locale/en_US.UTF-8/Compose",
        "/usr/share/perl/*/unicore/*.txt", "/usr/share/zoneinfo/*.tab", "/usr/share/i18n/locales/*",
        "/usr/share/applications/*.desktop", "/usr/share/mime/packages/*.xml",
        "/usr/lib/python3*/test/*.txt",
    ]
    files = sorted({f for p in patterns for f in glob.glob(p) if os.path.isfile(f)})
    for name in files:
        with open(name, encoding="utf-8", errors="ignore") as f:
            yield f.read(1 << 20)


def train(folder, size, texts):
    """vocab.json and merges.txt as RoBERTa's: special tokens first, then bytes, then merges."""
    from tokenizers import ByteLevelBPETokenizer

    t = ByteLevelBPETokenizer(add_prefix_space=False)
    t.train_from_iterator(texts, vocab_size=size, min_frequency=2, special_tokens=SPECIAL,
                          show_progress=False)
    t.save_model(folder)
    return (open(os.path.join(folder, "vocab.json"), "rb").read(),
            open(os.path.join(folder, "merges.txt"), "rb").read())


def reference_tokenizer(folder):
    from transformers import RobertaTokenizer

    # What a user types is text, "<mask>" too.
    return RobertaTokenizer.from_pretrained(folder, split_special_tokens=True)


def reference_tokens(tokenizer, texts, rows=ROWS):
    out = tokenizer(texts, max_length=rows, padding="max_length", truncation=True)
    return out["input_ids"], out["attention_mask"]


HARD = [
    "Hello world", " Hello world", "Hello world!", "Hello world! cécé herlolip 418",
    "the guitar, played by the man on the left", "it's what they've said they'd do; I'm sure we'll",
    "'s 't 're 've 'm 'll 'd 'S 'T 'RE 'x '", "a''s b'''ll c''", "don't DON'T don\u2019t",
    "  two blanks", "trailing blank ", "trailing blanks   ", "a  b   c    d", "\ttab\t\ttabs \t mixed",
    "line\nline\n\nline\r\nline\n", " \n \n x", "\n", " ", "   ", "\u00a0no-break\u00a0 space\u2003em\u3000x",
    "\u1680\u2028\u2029\u205f\u202f\u0085", "\u200bzero\u200dwidth\u200c\ufeffbom", "\x01\x02\x1b[0m\x7f\x1c\x1d\x1e\x1f",
    "a\x0bb\x0cc", "1234567890", "3.14 1,000,000 12:30 x2 2x \u00bd \u2167 \u0663\u0664 \u4e09", "\u00b2\u2082",
    "caf\u00e9 cafe\u0301 \u00c5ngstro\u0308m", "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35 \u0928\u092e\u0938\u094d\u0924\u0947 \u0645\u0631\u062d\u0628\u0627 \u05e9\u05dc\u05d5\u05dd",
    "\u4f60\u597d\uff0c\u4e16\u754c\u3002 \u3053\u3093\u306b\u3061\u306f \uc548\ub155", "\U0001f600 \U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea \U0001f44d\U0001f3fd!",
    "\ufe0f\u20e3", "e\u0301\u0301\u0301", "x\u0489", "\u00ad soft\u00adhyphen", "\ufffd \ufffe \U0010ffff",
    "<s> </s> <pad> <mask> <unk>", " <mask>", "a<mask>b", "\u0120 \u010a \u0100", "!!!???...---___", "a-b_c/d\\e|f",
    "(\u201cquoted\u201d) \u2014 dash\u2013dash", "C++ C# F# .NET", "a" * 200, "ab" * 150, " " * 40, "!" * 77,
    "\U0001d4d0\U0001d7d8", "\u01c5\u02b0\u3007", "\ua7cb\u1c89\U000105c0", "x" + "\u0300" * 30,
]


def expressions(n, texts, seed=7):
    """The hard ones, slices of real text, and characters drawn from everywhere."""
    draw = random.Random(seed)
    out = list(HARD)
    pools = [range(0x20, 0x7f), range(0, 0x20), range(0xa0, 0x250), range(0x300, 0x370), range(0x370, 0x2000),
             range(0x2000, 0x2100), range(0x2100, 0x3100), range(0x3100, 0xd800), range(0xe000, 0x10000),
             range(0x1f000, 0x1fb00), range(0x10000, 0x20000), range(0x20000, 0x110000)]
    while len(out) < n:
        kind = draw.randrange(4)
        if kind == 0:
            text = draw.choice(texts)
            at = draw.randrange(max(1, len(text) - 10))
            s = text[at:at + draw.randrange(1, 120)]
        elif kind == 1:
            pool = draw.choice(pools)
            s = "".join(chr(draw.choice(pool)) for _ in range(draw.randrange(1, 30)))
        elif kind == 2:
            s = "".join(chr(draw.choice(draw.choice(pools))) for _ in range(draw.randrange(1, 30)))
        else:
            s = "".join(draw.choice(["'", "'s", "'ll", " ", "  ", "\t", "\n", "a", "Word", "12", "!", "\u00e9", "\u3000",
                                     "\U0001f600", "\u0301"]) for _ in range(draw.randrange(1, 16)))
        s = s.replace("\0", "")
        if s and len(s.encode()) <= 4096:
            out.append(s)
    return out


def cmd_classes(_):
    import tokenizers
    from tokenizers.pre_tokenizers import ByteLevel

    split = ByteLevel(add_prefix_space=False, use_regex=True).pre_tokenize_str

    def class_of(c):
        for number, before in ((2, "a"), (3, "1"), (0, "!")):
            if len(split(before + c)) == 1:
                return number
        return 1

    runs = []
    for c in range(0x110000):
        k = 0 if 0xd800 <= c < 0xe000 else class_of(chr(c))
        if not runs or runs[-1] & 3 != k:
            runs.append(c << 2 | k)
    print("/* unicode_runs.c - printed by tests/reference/text.py, tokenizers %s. */" % tokenizers.__version__)
    print('#include "models/unicode_runs.h"\n')
    print("/* clang-format off */\nconst uint32_t em_unicode_runs[] = {")
    for i in range(0, len(runs), 10):
        print("  " + ", ".join("0x%x" % r for r in runs[i:i + 10]) + ",")
    print("};\n/* clang-format on */")
    print("const int em_n_unicode_runs = sizeof em_unicode_runs / sizeof *em_unicode_runs;")


def save(path, model, heads, vocab, merges, rows=ROWS):
    """The text part of a package."""
    import numpy
    from safetensors.numpy import save_file

    c = model.config
    tensors = {"text." + k: v.detach().numpy().copy() for k, v in model.state_dict().items()
               if not k.endswith("_ids")}
    tensors["text.vocab_json"] = numpy.frombuffer(vocab, numpy.uint8)
    tensors["text.merges_txt"] = numpy.frombuffer(merges, numpy.uint8)
    config = dict(layers=c.num_hidden_layers, hidden=c.hidden_size, heads=heads, ffn=c.intermediate_size,
                  vocab=c.vocab_size, positions=c.max_position_embeddings, rows=rows)
    save_file(tensors, path, metadata={"text": json.dumps(config)})


def run_tool(tool, package, texts, hidden=None):
    command = [tool, package] + (["--hidden", hidden] if hidden else [])
    out = subprocess.run(command, input=b"".join(t.encode() + b"\0" for t in texts), capture_output=True)
    if out.returncode:
        sys.exit(out.stderr.decode())
    return out.stdout.decode().splitlines()


def new_model(vocab, layers, hidden, heads, ffn, positions):
    import torch
    from transformers import RobertaConfig, RobertaModel

    torch.manual_seed(1)
    torch.set_num_threads(2)
    return RobertaModel(RobertaConfig(
        vocab_size=vocab, num_hidden_layers=layers, hidden_size=hidden, num_attention_heads=heads,
        intermediate_size=ffn, max_position_embeddings=positions, type_vocab_size=1, layer_norm_eps=1e-5,
        pad_token_id=1, bos_token_id=0, eos_token_id=2, hidden_act="gelu")).eval()


def reference_rows(model, ids, mask):
    import torch

    with torch.no_grad():
        return torch.cat([model(input_ids=torch.tensor(ids[i:i + 1]),
                                attention_mask=torch.tensor(mask[i:i + 1])).last_hidden_state
                          for i in range(len(ids))]).numpy()


def cmd_compare(args):
    import numpy
    import torch

    texts = list(sources())
    print("%d files, %.1f MB" % (len(texts), sum(len(t.encode()) for t in texts) / 1e6))
    with tempfile.TemporaryDirectory() as folder:
        vocab, merges = train(folder, 50265, texts)
        n_vocab = len(json.loads(vocab))
        print("%d tokens, %d merges" % (n_vocab, len(merges.splitlines()) - 1))

        model = new_model(50265, 6, 768, 12, 3072, 514)
        with torch.no_grad():
            for name, p in model.named_parameters():
                if p.ndim == 1:  # norms and biases begin as ones and noughts: nothing would be seen
                    p.add_(torch.randn_like(p) * 0.3)
                elif "embeddings" not in name:  # attention that chooses
                    p.mul_(2)
        package = os.path.join(folder, "text.safetensors")
        asked = expressions(args.n, texts)
        tokenizer = reference_tokenizer(folder)
        n_wrong = 0
        for rows in (128, ROWS):
            save(package, model, 12, vocab, merges, rows)
            ids, mask = reference_tokens(tokenizer, asked, rows)
            ours = run_tool(args.tool, package, asked)
            wrong = [i for i, line in enumerate(ours)
                     if line != " ".join(str(x) for x, m in zip(ids[i], mask[i]) if m)]
            for i in wrong[:10]:
                print("MISS %r\n  ours      %s\n  reference %s" % (asked[i], ours[i], ids[i]))
            print("tokens: %d expressions in %d rows, which %d fill, %d differ"
                  % (len(asked), rows, sum(all(m) for m in mask), len(wrong)))
            n_wrong += len(wrong)

        few = asked[:60] + asked[60::max(1, len(asked) // 60)]
        ids, mask = reference_tokens(tokenizer, few)
        want = reference_rows(model, ids, mask)
        run_tool(args.tool, package, few, os.path.join(folder, "rows"))
        got = numpy.fromfile(os.path.join(folder, "rows"), numpy.float32).reshape(want.shape)
        flat = (got - want).reshape(len(few), -1), want.reshape(len(few), -1)
        error = numpy.linalg.norm(flat[0], axis=1) / numpy.linalg.norm(flat[1], axis=1)
        print("rows: %d expressions, relative L2 worst %.2e, mean %.2e, largest difference %.2e; all rows, "
              "padding too" % (len(few), error.max(), error.mean(), abs(got - want).max()))
        sys.exit(n_wrong > 0 or not error.max() < 1e-5)


def fnv(name):
    h = 0xcbf29ce484222325
    for b in name.encode():
        h = (h ^ b) * 0x100000001b3 & (1 << 64) - 1
    return h


def formula(name, shape, seed=1):
    """Goldens' weights, by name and index; see tests/golden/formula.c."""
    import numpy

    n = int(numpy.prod(shape, dtype=numpy.int64))
    with numpy.errstate(over="ignore"):
        z = (numpy.uint64(fnv(name)) + numpy.uint64(seed) * numpy.uint64(0xD1B54A32D192ED03)
             + numpy.arange(1, n + 1, dtype=numpy.uint64) * numpy.uint64(0x9E3779B97F4A7C15))
        z = (z ^ (z >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
        z = z ^ (z >> numpy.uint64(31))
    u = (z >> numpy.uint64(40)).astype(numpy.float64) / (1 << 24)
    if len(shape) > 1:
        scale, offset = (3 / (n / shape[0])) ** 0.5, 0
    else:
        scale, offset = 0.1, 1 if name.endswith(".weight") else 0
    return (offset + scale * (2 * u - 1)).astype(numpy.float32).reshape(shape)


def cmd_golden(args):
    import numpy
    import tokenizers
    import torch
    import transformers
    from safetensors.numpy import save_file

    asked = HARD + ["the dog that barks at the man on the left", "nothing", "la voix de la femme \u00e0 droite"]
    with tempfile.TemporaryDirectory() as folder:
        vocab, merges = train(folder, 900, asked * 2 + [t[:20000] for t in list(sources())[:40]])
        n_vocab = len(json.loads(vocab))
        ids, mask = reference_tokens(reference_tokenizer(folder), asked)
    model = new_model(n_vocab, 2, 64, 4, 96, 32)
    with torch.no_grad():
        for name, p in model.state_dict().items():
            if not name.endswith("_ids"):
                p.copy_(torch.from_numpy(formula(name, tuple(p.shape))))
    tensors = {"ids": numpy.array(ids, numpy.float32)}
    rows = reference_rows(model, ids, mask)
    for i in args.rows:
        tensors["rows.%d" % i] = rows[i]
    config = dict(layers=2, hidden=64, heads=4, ffn=96, vocab=n_vocab, positions=32, rows=ROWS)
    save_file(tensors, args.file, metadata={
        "format": "em-golden-1", "seed": "1", "text": json.dumps(config), "vocab_json": vocab.decode(),
        "merges_txt": merges.decode(), "expressions": json.dumps(asked),
        "official": "transformers %s, tokenizers %s" % (transformers.__version__, tokenizers.__version__),
        "torch": torch.__version__, "numpy": numpy.__version__})
    print("%d expressions, %d tokens in the vocabulary, %d bytes" % (len(asked), n_vocab, os.path.getsize(args.file)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    c = commands.add_parser("classes")
    c.set_defaults(run=cmd_classes)
    c = commands.add_parser("compare")
    c.add_argument("tool", metavar="EM-TEXT")
    c.add_argument("-n", type=int, default=5000, help="expressions")
    c.set_defaults(run=cmd_compare)
    c = commands.add_parser("golden")
    c.add_argument("file")
    c.add_argument("--rows", type=int, nargs="*", default=[0, 4, 7, 13, 31])
    c.set_defaults(run=cmd_golden)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
