/* pickle.c - values come out as they were written, and nothing else happens. */
#include "weights/pickle.h"
#include "check.h"

static void
builds_values (void)
{
  static const uint8_t ops[]
      = "\x80\x02(K\x07J\xfe\xff\xff\xffM\x34\x12\x8a\x03\x00\x00\x01N\x88\x89G\x3f\xf8\0\0\0\0\0\0"
        "X\x02\0\0\0hi]q\x05(K\x01K\x02"
        "eh\x05}(X\x01\0\0\0kK\x09u)t.tail";
  EmError err = EM_ERROR_INIT;
  size_t used = 0;
  EmPickle *p = em_pickle_read (ops, sizeof ops - 1, &used, "file", &err);
  const EmPickleValue *v = p ? em_pickle_root (p) : NULL;

  CHECK_TEXT (err.text, "");
  CHECK_INT (used, sizeof ops - 1 - 4);
  if (!v)
    return;
  CHECK_INT (v->kind, EM_PICKLE_TUPLE);
  CHECK_INT (v->n, 13);
  CHECK_INT (em_pickle_item (v, 0)->i, 7);
  CHECK_INT (em_pickle_item (v, 1)->i, -2);
  CHECK_INT (em_pickle_item (v, 2)->i, 0x1234);
  CHECK_INT (em_pickle_item (v, 3)->i, 0x10000);
  CHECK_INT (em_pickle_item (v, 4)->kind, EM_PICKLE_NONE);
  CHECK_INT (em_pickle_item (v, 5)->i, 1);
  CHECK_INT (em_pickle_item (v, 6)->i, 0);
  CHECK_NEAR (em_pickle_item (v, 7)->f, 1.5, 0);
  CHECK_INT (em_pickle_item (v, 8)->length, 2);
  CHECK (memcmp (em_pickle_item (v, 8)->text, "hi", 2) == 0);
  CHECK_INT (em_pickle_item (v, 9)->n, 2);
  CHECK (em_pickle_item (v, 9) == em_pickle_item (v, 10)); /* by the memo */
  CHECK_INT (em_pickle_get (em_pickle_item (v, 11), "k")->i, 9);
  CHECK (!em_pickle_get (em_pickle_item (v, 11), "j"));
  CHECK_INT (em_pickle_item (v, 12)->n, 0);
  CHECK (!em_pickle_item (v, 13));
  em_pickle_free (p);
}

static void
keeps_calls_as_values (void)
{
  static const char ops[] = "\x80\x02"
                            "ctorch._utils\n_rebuild_parameter\n(K\x01\x89NtR.";
  EmError err = EM_ERROR_INIT;
  size_t used;
  EmPickle *p = em_pickle_read (ops, sizeof ops - 1, &used, "file", &err);

  CHECK_TEXT (err.text, "");
  if (!p)
    return;
  CHECK_INT (em_pickle_root (p)->kind, EM_PICKLE_CALL);
  CHECK_INT (em_pickle_root (p)->global, EM_GLOBAL_REBUILD_PARAMETER);
  CHECK_INT (em_pickle_root (p)->n, 3);
  em_pickle_free (p);
}

static void
refuses (const char *ops, size_t n, const char *sentence)
{
  EmError err = EM_ERROR_INIT;
  size_t used;
  char *copy = malloc (n + 2);

  memcpy (copy, "\x80\x02", 2);
  memcpy (copy + 2, ops, n);
  CHECK (!em_pickle_read (copy, n + 2, &used, "file", &err));
  CHECK_INT (err.code, EM_E_WEIGHTS);
  if (!strstr (err.text, sentence)) {
    fprintf (stderr, "\"%s\" lacks \"%s\"\n", err.text, sentence);
    check_failures++;
  }
  free (copy);
}
#define REFUSES(ops, sentence) refuses ((ops), sizeof (ops) - 1, (sentence))

static void
refuses_programs (void)
{
  REFUSES ("cos\nsystem\nX\x02\0\0\0id\x85R.", "os.system is not allowed");
  REFUSES ("cnumpy.core.multiarray\n_reconstruct\n.", "numpy.core.multiarray._reconstruct is not");
  REFUSES ("ctorch\nload\n.", "torch.load is not allowed");
  REFUSES ("c\n\n.", "is not allowed");
  REFUSES ("ios\nsystem\n.", "INST");
  REFUSES ("\x8c\x02os\x93.", "SHORT_BINUNICODE");
  REFUSES ("\xff.", "of no version");
  REFUSES ("0.", "POP");
  REFUSES ("", "cut off");
  REFUSES ("N", "cut off");
  REFUSES ("J\1\2", "cut off");
  REFUSES ("X\xff\xff\xff\xff.", "cut off");
  REFUSES ("\x8a\x09\0\0\0\0\0\0\0\0\0.", "64 bits");
  REFUSES (".", "more or less than one value");
  REFUSES ("(N.", "more or less than one value");
  REFUSES ("R.", "empty stack");
  REFUSES ("\x87.", "empty stack");
  REFUSES ("N(\x85.", "empty stack"); /* not through a mark */
  REFUSES ("t.", "lacks a mark");
  REFUSES ("h\0.", "never remembered");
  REFUSES ("q\0.", "empty stack");
  REFUSES ("NNs.", "empty stack");
  REFUSES ("NNNs.", "no list or dictionary");
  REFUSES ("}(Nu.", "no list or dictionary");
  REFUSES ("]NQ.", "no tuple");
  REFUSES ("ccollections\nOrderedDict\n].R", "more or less");
  REFUSES ("ccollections\nOrderedDict\n]R.", "no function");
}

/* A list that holds itself is no harm: nothing here walks into values. */
static void
survives_a_circle (void)
{
  static const char ops[] = "\x80\x02]q\0(h\0h\0e.";
  EmError err = EM_ERROR_INIT;
  size_t used;
  EmPickle *p = em_pickle_read (ops, sizeof ops - 1, &used, "file", &err);

  CHECK (p && em_pickle_item (em_pickle_root (p), 1) == em_pickle_root (p));
  em_pickle_free (p);
}

CHECK_MAIN (builds_values, keeps_calls_as_values, refuses_programs, survives_a_circle)
