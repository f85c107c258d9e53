/* pickle.h - what a Python pickle holds, without running any of it.
 *
 * A pickle is a program that builds values. This reader knows the instructions that state
 * dictionaries are made of and the few names they mention; any other instruction or name is refused
 * by name, so nothing a stranger wrote into a file is ever called. Calls that are known build a
 * value of kind EM_PICKLE_CALL with their arguments in it: whoever reads a checkpoint interprets
 * them. Values, nesting and the memo are bounded; nothing here recurses. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

typedef enum {
  EM_PICKLE_NONE,
  EM_PICKLE_BOOL,
  EM_PICKLE_INT,
  EM_PICKLE_FLOAT,
  EM_PICKLE_TEXT,
  EM_PICKLE_TUPLE,
  EM_PICKLE_LIST,
  EM_PICKLE_DICT,   /* an OrderedDict too; items are key, value, key, value ... as written */
  EM_PICKLE_GLOBAL, /* a name of the list */
  EM_PICKLE_CALL,   /* of `global`, with its arguments as items */
  EM_PICKLE_STORED, /* a persistent id: what `items` describe lies elsewhere */
} EmPickleKind;

/* The names that a checkpoint may mention. */
typedef enum {
  EM_GLOBAL_ORDERED_DICT,
  EM_GLOBAL_REBUILD_TENSOR,    /* (storage, offset, size, stride) */
  EM_GLOBAL_REBUILD_TENSOR_V2, /* the same, and what only a training wants */
  EM_GLOBAL_REBUILD_PARAMETER, /* (tensor, requires_grad, hooks) */
  EM_GLOBAL_STORAGE,           /* from here on types of numbers: torch.FloatStorage ... */
  EM_GLOBAL_FLOAT = EM_GLOBAL_STORAGE,
  EM_GLOBAL_HALF,
  EM_GLOBAL_BFLOAT16,
  EM_GLOBAL_LONG,
  EM_GLOBAL_INT,
  EM_GLOBAL_BYTE,
  EM_GLOBAL_DOUBLE,
  EM_GLOBAL_SHORT,
  EM_GLOBAL_CHAR,
  EM_GLOBAL_BOOL,
} EmPickleGlobal;

const char *em_pickle_global_name (EmPickleGlobal global); /* "torch.FloatStorage" */

typedef struct EmPickleValue EmPickleValue;
typedef struct EmPickleItem EmPickleItem;

struct EmPickleValue {
  EmPickleKind kind;
  int depth; /* of what is inside */
  union {
    int64_t i; /* INT, BOOL */
    double f;
    struct {
      const char *text; /* in the pickle's bytes; no NUL at its end */
      size_t length;
    };
    struct {
      EmPickleGlobal global; /* GLOBAL, CALL */
      int n;                 /* TUPLE ... STORED: a list of items */
      EmPickleItem *first, *last;
    };
  };
};

struct EmPickleItem {
  EmPickleValue *value;
  EmPickleItem *next;
};

typedef struct EmPickle EmPickle;

/* Reads one pickle from the beginning of `bytes`, which must outlive the result; *used is where it
 * ends. `label` begins every message. EM_E_WEIGHTS if it is unsound or holds what is not allowed.
 */
EmPickle *em_pickle_read (const void *bytes, size_t n, size_t *used, const char *label,
                          EmError *err);
void em_pickle_free (EmPickle *p); /* NULL is fine */

const EmPickleValue *em_pickle_root (const EmPickle *p);
/* The persistent ids, in the order in which they were read. */
const EmPickleItem *em_pickle_stored (const EmPickle *p);
/* The value of a text key, the last one if it comes several times; NULL if it is not there, or `v`
 * no dictionary. */
const EmPickleValue *em_pickle_get (const EmPickleValue *v, const char *key);
/* Item `i`; NULL if there are not so many. */
const EmPickleValue *em_pickle_item (const EmPickleValue *v, int i);
