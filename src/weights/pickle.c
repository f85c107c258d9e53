/* pickle.c - a machine with a stack, a memo and no way out. */
#include "weights/pickle.h"
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define MAX_NODES (1 << 20) /* a hundred times what the largest checkpoint has */
#define MAX_STACK (1 << 14) /* writers build dictionaries a thousand pairs at a time */
#define MAX_MARKS 64
#define MAX_DEPTH 32
#define MAX_MEMO  (1 << 20)
#define MAX_LINE  256
#define N_CHUNK   1024

typedef union Node {
  EmPickleValue value;
  EmPickleItem item;
} Node;

typedef struct Chunk {
  struct Chunk *next;
  Node nodes[N_CHUNK];
} Chunk;

struct EmPickle {
  Chunk *chunks;
  int n_nodes;
  EmPickleValue *root;
  EmPickleItem *stored, *last_stored;
};

typedef struct {
  EmPickle *p;
  const uint8_t *at, *end;
  const char *label;
  EmError *err;
  EmPickleValue **stack;
  int n_stack;
  int marks[MAX_MARKS];
  int n_marks;
  EmPickleValue **memo;
  size_t n_memo;
} Machine;

static const struct {
  const char *module, *name, *full;
} globals[] = {
  [EM_GLOBAL_ORDERED_DICT] = { "collections", "OrderedDict", "collections.OrderedDict" },
  [EM_GLOBAL_REBUILD_TENSOR]
  = { "torch._utils", "_rebuild_tensor", "torch._utils._rebuild_tensor" },
  [EM_GLOBAL_REBUILD_TENSOR_V2]
  = { "torch._utils", "_rebuild_tensor_v2", "torch._utils._rebuild_tensor_v2" },
  [EM_GLOBAL_REBUILD_PARAMETER]
  = { "torch._utils", "_rebuild_parameter", "torch._utils._rebuild_parameter" },
  [EM_GLOBAL_FLOAT] = { "torch", "FloatStorage", "torch.FloatStorage" },
  [EM_GLOBAL_HALF] = { "torch", "HalfStorage", "torch.HalfStorage" },
  [EM_GLOBAL_BFLOAT16] = { "torch", "BFloat16Storage", "torch.BFloat16Storage" },
  [EM_GLOBAL_LONG] = { "torch", "LongStorage", "torch.LongStorage" },
  [EM_GLOBAL_INT] = { "torch", "IntStorage", "torch.IntStorage" },
  [EM_GLOBAL_BYTE] = { "torch", "ByteStorage", "torch.ByteStorage" },
  [EM_GLOBAL_DOUBLE] = { "torch", "DoubleStorage", "torch.DoubleStorage" },
  [EM_GLOBAL_SHORT] = { "torch", "ShortStorage", "torch.ShortStorage" },
  [EM_GLOBAL_CHAR] = { "torch", "CharStorage", "torch.CharStorage" },
  [EM_GLOBAL_BOOL] = { "torch", "BoolStorage", "torch.BoolStorage" },
};
#define N_GLOBALS (int) (sizeof globals / sizeof *globals)

const char *
em_pickle_global_name (EmPickleGlobal global)
{
  return globals[global].full;
}

static bool
wrong (Machine *m, const char *what)
{
  return em_fail (m->err, EM_E_WEIGHTS, "%s: %s", m->label, what);
}

static Node *
new_node (Machine *m)
{
  EmPickle *p = m->p;
  int i = p->n_nodes % N_CHUNK;

  if (p->n_nodes == MAX_NODES) {
    wrong (m, "the pickle builds too many values");
    return NULL;
  }
  if (i == 0) {
    Chunk *chunk = calloc (1, sizeof *chunk);

    if (!chunk) {
      em_fail (m->err, EM_E_DEVICE, "%s: out of memory", m->label);
      return NULL;
    }
    chunk->next = p->chunks;
    p->chunks = chunk;
  }
  p->n_nodes++;
  return &p->chunks->nodes[i];
}

static EmPickleValue *
new_value (Machine *m, EmPickleKind kind)
{
  Node *node = new_node (m);

  if (!node)
    return NULL;
  node->value = (EmPickleValue){ .kind = kind };
  return &node->value;
}

static bool
push (Machine *m, EmPickleValue *v)
{
  if (!v)
    return false;
  if (m->n_stack == MAX_STACK)
    return wrong (m, "the pickle's stack grows too high");
  m->stack[m->n_stack++] = v;
  return true;
}

/* What lies above the last mark may be taken, nothing below it. */
static int
n_above_mark (const Machine *m)
{
  return m->n_stack - (m->n_marks ? m->marks[m->n_marks - 1] : 0);
}

static EmPickleValue *
pop (Machine *m)
{
  if (n_above_mark (m) == 0) {
    wrong (m, "the pickle takes from an empty stack");
    return NULL;
  }
  return m->stack[--m->n_stack];
}

static bool
append (Machine *m, EmPickleValue *to, EmPickleValue *v)
{
  Node *node = new_node (m);

  if (!node)
    return false;
  if (v->depth + 1 > to->depth)
    to->depth = v->depth + 1;
  if (to->depth > MAX_DEPTH)
    return wrong (m, "the pickle's values are nested too deeply");
  node->item = (EmPickleItem){ v, NULL };
  if (to->last)
    to->last->next = &node->item;
  else
    to->first = &node->item;
  to->last = &node->item;
  to->n++;
  return true;
}

/* Moves the upper `n` of the stack into `to`, in their order. */
static bool
collect (Machine *m, EmPickleValue *to, int n)
{
  if (!to)
    return false;
  if (n > n_above_mark (m))
    return wrong (m, "the pickle takes from an empty stack");
  m->n_stack -= n;
  for (int i = 0; i < n; i++)
    if (!append (m, to, m->stack[m->n_stack + i]))
      return false;
  return true;
}

static bool
push_tuple (Machine *m, int n)
{
  EmPickleValue *tuple = new_value (m, EM_PICKLE_TUPLE);

  return collect (m, tuple, n) && push (m, tuple);
}

/* The last mark, which goes; how much lies above it, or -1. */
static int
take_mark (Machine *m)
{
  if (m->n_marks == 0) {
    wrong (m, "the pickle lacks a mark");
    return -1;
  }
  return m->n_stack - m->marks[--m->n_marks];
}

static bool
push_number (Machine *m, int64_t value)
{
  EmPickleValue *v = new_value (m, EM_PICKLE_INT);

  if (v)
    v->i = value;
  return push (m, v);
}

static bool
push_bool (Machine *m, bool value)
{
  EmPickleValue *v = new_value (m, EM_PICKLE_BOOL);

  if (v)
    v->i = value;
  return push (m, v);
}

/* `n` bytes that follow; NULL with the error set if there are not so many. */
static const uint8_t *
take_bytes (Machine *m, size_t n)
{
  const uint8_t *p = m->at;

  if ((size_t) (m->end - p) < n) {
    wrong (m, "the pickle is cut off");
    return NULL;
  }
  m->at += n;
  return p;
}

/* A little-endian number of up to 8 bytes; 0 with the error set if it is cut off. */
static uint64_t
take_number (Machine *m, int bytes)
{
  const uint8_t *p = take_bytes (m, bytes);
  uint64_t x = 0;

  while (p && bytes-- > 0)
    x = x << 8 | p[bytes];
  return x;
}

static bool
ok (const Machine *m)
{
  return m->err->code == EM_OK;
}

static bool
push_text (Machine *m, size_t n)
{
  const uint8_t *p = ok (m) ? take_bytes (m, n) : NULL;
  EmPickleValue *v = p ? new_value (m, EM_PICKLE_TEXT) : NULL;

  if (v) {
    v->text = (const char *) p;
    v->length = n;
  }
  return push (m, v);
}

/* An integer of `n` bytes, two's complement; more than 8 are no size of anything. */
static bool
push_long (Machine *m, size_t n)
{
  const uint8_t *p = ok (m) ? take_bytes (m, n) : NULL;
  uint64_t x = 0;

  if (!p)
    return false;
  if (n > 8)
    return wrong (m, "the pickle holds an integer of more than 64 bits");
  if (n && p[n - 1] & 0x80)
    x = UINT64_MAX;
  for (size_t i = n; i-- > 0;)
    x = x << 8 | p[i];
  return push_number (m, (int64_t) x);
}

static bool
push_float (Machine *m)
{
  const uint8_t *p = take_bytes (m, 8);
  EmPickleValue *v = p ? new_value (m, EM_PICKLE_FLOAT) : NULL;
  uint64_t bits = 0;

  for (int i = 0; v && i < 8; i++) /* the one big-endian number of the format */
    bits = bits << 8 | p[i];
  if (v)
    memcpy (&v->f, &bits, sizeof bits);
  return push (m, v);
}

/* Up to a newline, which goes too. */
static const char *
take_line (Machine *m, int *n)
{
  size_t left = m->end - m->at, most = left < MAX_LINE ? left : MAX_LINE;
  const uint8_t *line = m->at, *end = memchr (line, '\n', most);

  if (!end) {
    wrong (m, most < left ? "the pickle holds a name of enormous length" : "the pickle is cut off");
    return NULL;
  }
  m->at = end + 1;
  *n = (int) (end - line);
  return (const char *) line;
}

static bool
is_word (const char *line, int n, const char *word)
{
  return (size_t) n == strlen (word) && memcmp (line, word, n) == 0;
}

/* For a message: what a terminal would act on becomes a question mark. */
static void
copy_printable (char *to, size_t bytes, const char *from, int n)
{
  size_t i = 0;

  for (; i + 1 < bytes && i < (size_t) n; i++)
    to[i] = from[i] > ' ' && from[i] < 127 ? from[i] : '?';
  to[i] = 0;
}

static bool
push_global (Machine *m)
{
  int n_module, n_name;
  const char *module = take_line (m, &n_module), *name = module ? take_line (m, &n_name) : NULL;
  char what[2][96];

  if (!name)
    return false;
  for (int i = 0; i < N_GLOBALS; i++)
    if (is_word (module, n_module, globals[i].module) && is_word (name, n_name, globals[i].name)) {
      EmPickleValue *v = new_value (m, EM_PICKLE_GLOBAL);

      if (v)
        v->global = (EmPickleGlobal) i;
      return push (m, v);
    }
  copy_printable (what[0], sizeof what[0], module, n_module);
  copy_printable (what[1], sizeof what[1], name, n_name);
  return em_fail (m->err, EM_E_WEIGHTS, "%s: %s.%s is not allowed in a checkpoint", m->label,
                  what[0], what[1]);
}

static bool
call (Machine *m)
{
  EmPickleValue *args = pop (m), *callee = args ? pop (m) : NULL, *v;

  if (!callee)
    return false;
  if (callee->kind != EM_PICKLE_GLOBAL || callee->global >= EM_GLOBAL_STORAGE
      || args->kind != EM_PICKLE_TUPLE)
    return wrong (m, "the pickle calls what is no function");
  if (callee->global == EM_GLOBAL_ORDERED_DICT) {
    if (args->n)
      return wrong (m, "the pickle calls collections.OrderedDict with arguments");
    return push (m, new_value (m, EM_PICKLE_DICT));
  }
  if (!(v = new_value (m, EM_PICKLE_CALL)))
    return false;
  *v = *args;
  v->kind = EM_PICKLE_CALL;
  v->global = callee->global;
  return push (m, v);
}

static bool
push_stored (Machine *m)
{
  EmPickleValue *id = pop (m), *v = id ? new_value (m, EM_PICKLE_STORED) : NULL;
  Node *node = v ? new_node (m) : NULL;

  if (!node)
    return false;
  node->item = (EmPickleItem){ v, NULL };
  if (m->p->last_stored)
    m->p->last_stored->next = &node->item;
  else
    m->p->stored = &node->item;
  m->p->last_stored = &node->item;
  if (id->kind != EM_PICKLE_TUPLE)
    return wrong (m, "the pickle names a storage by what is no tuple");
  *v = *id;
  v->kind = EM_PICKLE_STORED;
  return push (m, v);
}

static bool
remember (Machine *m, uint64_t index)
{
  if (!ok (m))
    return false;
  if (index >= MAX_MEMO)
    return em_fail (m->err, EM_E_WEIGHTS, "%s: the pickle remembers under the number %" PRIu64,
                    m->label, index);
  if (n_above_mark (m) == 0)
    return wrong (m, "the pickle takes from an empty stack");
  if (index >= m->n_memo) {
    size_t n = 2 * index + 64;
    EmPickleValue **memo = realloc (m->memo, n * sizeof *memo);

    if (!memo)
      return em_fail (m->err, EM_E_DEVICE, "%s: out of memory", m->label);
    memset (memo + m->n_memo, 0, (n - m->n_memo) * sizeof *memo);
    m->memo = memo;
    m->n_memo = n;
  }
  m->memo[index] = m->stack[m->n_stack - 1];
  return true;
}

static bool
recall (Machine *m, uint64_t index)
{
  if (!ok (m))
    return false;
  if (index >= m->n_memo || !m->memo[index])
    return em_fail (m->err, EM_E_WEIGHTS,
                    "%s: the pickle recalls number %" PRIu64 ", which it never remembered",
                    m->label, index);
  return push (m, m->memo[index]);
}

/* The upper `n` values into the list or the dictionary below them. */
static bool
extend (Machine *m, EmPickleKind kind, int n)
{
  EmPickleValue *to;

  if (n < 0)
    return false;
  if (n_above_mark (m) < n + 1)
    return wrong (m, "the pickle takes from an empty stack");
  to = m->stack[m->n_stack - n - 1];
  if (to->kind != kind || (kind == EM_PICKLE_DICT && n % 2))
    return wrong (m, "the pickle fills what is no list or dictionary");
  return collect (m, to, n);
}

/* Attributes of an object: only a training wants them. */
static bool
drop_state (Machine *m)
{
  EmPickleValue *state = pop (m);

  return state && (n_above_mark (m) > 0 || wrong (m, "the pickle takes from an empty stack"));
}

/* Instructions of the format that no checkpoint needs, for the message. */
static const char *
name_of (uint8_t op)
{
  static const struct {
    uint8_t op;
    const char *name;
  } others[] = {
    { '0', "POP" },
    { '1', "POP_MARK" },
    { '2', "DUP" },
    { 'F', "FLOAT" },
    { 'I', "INT" },
    { 'L', "LONG" },
    { 'P', "PERSID" },
    { 'S', "STRING" },
    { 'V', "UNICODE" },
    { 'd', "DICT" },
    { 'g', "GET" },
    { 'i', "INST" },
    { 'l', "LIST" },
    { 'o', "OBJ" },
    { 'p', "PUT" },
    { 'B', "BINBYTES" },
    { 'C', "SHORT_BINBYTES" },
    { 0x81, "NEWOBJ" },
    { 0x82, "EXT1" },
    { 0x83, "EXT2" },
    { 0x84, "EXT4" },
    { 0x8b, "LONG4" },
    { 0x8c, "SHORT_BINUNICODE" },
    { 0x8d, "BINUNICODE8" },
    { 0x8e, "BINBYTES8" },
    { 0x8f, "EMPTY_SET" },
    { 0x90, "ADDITEMS" },
    { 0x91, "FROZENSET" },
    { 0x92, "NEWOBJ_EX" },
    { 0x93, "STACK_GLOBAL" },
    { 0x94, "MEMOIZE" },
    { 0x95, "FRAME" },
    { 0x96, "BYTEARRAY8" },
    { 0x97, "NEXT_BUFFER" },
    { 0x98, "READONLY_BUFFER" },
  };

  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    if (others[i].op == op)
      return others[i].name;
  return "of no version of the format";
}

static bool
push_mark (Machine *m)
{
  if (m->n_marks == MAX_MARKS)
    return wrong (m, "the pickle's values are nested too deeply");
  m->marks[m->n_marks++] = m->n_stack;
  return true;
}

static bool
run_one (Machine *m, uint8_t op)
{
  int n;

  switch (op) {
  case 0x80: /* PROTO */
    n = (int) take_number (m, 1);
    return ok (m)
           && ((n >= 2 && n <= 3)
               || wrong (m, "the pickle is of another protocol than 2, the one of torch.save"));
  case '(': /* MARK */
    return push_mark (m);
  case '}': /* EMPTY_DICT */
    return push (m, new_value (m, EM_PICKLE_DICT));
  case ']': /* EMPTY_LIST */
    return push (m, new_value (m, EM_PICKLE_LIST));
  case ')': /* EMPTY_TUPLE */
    return push_tuple (m, 0);
  case 0x85: /* TUPLE1 */
    return push_tuple (m, 1);
  case 0x86: /* TUPLE2 */
    return push_tuple (m, 2);
  case 0x87: /* TUPLE3 */
    return push_tuple (m, 3);
  case 't': /* TUPLE */
    n = take_mark (m);
    return n >= 0 && push_tuple (m, n);
  case 'N': /* NONE */
    return push (m, new_value (m, EM_PICKLE_NONE));
  case 0x88: /* NEWTRUE */
  case 0x89: /* NEWFALSE */
    return push_bool (m, op == 0x88);
  case 'J': /* BININT */
    n = (int32_t) (uint32_t) take_number (m, 4);
    return ok (m) && push_number (m, n);
  case 'K': /* BININT1 */
  case 'M': /* BININT2 */
    n = (int) take_number (m, op == 'K' ? 1 : 2);
    return ok (m) && push_number (m, n);
  case 0x8a: /* LONG1 */
    return push_long (m, take_number (m, 1));
  case 'G': /* BINFLOAT */
    return push_float (m);
  case 'X': /* BINUNICODE */
  case 'T': /* BINSTRING, of Python 2 */
    return push_text (m, take_number (m, 4));
  case 'U': /* SHORT_BINSTRING */
    return push_text (m, take_number (m, 1));
  case 'c': /* GLOBAL */
    return push_global (m);
  case 'R': /* REDUCE */
    return call (m);
  case 'Q': /* BINPERSID */
    return push_stored (m);
  case 'q': /* BINPUT */
    return remember (m, take_number (m, 1));
  case 'r': /* LONG_BINPUT */
    return remember (m, take_number (m, 4));
  case 'h': /* BINGET */
    return recall (m, take_number (m, 1));
  case 'j': /* LONG_BINGET */
    return recall (m, take_number (m, 4));
  case 'a': /* APPEND */
    return extend (m, EM_PICKLE_LIST, 1);
  case 'e': /* APPENDS */
    return extend (m, EM_PICKLE_LIST, take_mark (m));
  case 's': /* SETITEM */
    return extend (m, EM_PICKLE_DICT, 2);
  case 'u': /* SETITEMS */
    return extend (m, EM_PICKLE_DICT, take_mark (m));
  case 'b': /* BUILD */
    return drop_state (m);
  default:
    return em_fail (m->err, EM_E_WEIGHTS,
                    "%s: pickle instruction 0x%02x (%s) is not allowed in a checkpoint", m->label,
                    op, name_of (op));
  }
}

static bool
run (Machine *m)
{
  for (;;) {
    const uint8_t *op = take_bytes (m, 1);

    if (!op)
      return false;
    if (*op == '.') { /* STOP */
      if (m->n_marks || m->n_stack != 1)
        return wrong (m, "the pickle ends with more or less than one value");
      m->p->root = m->stack[0];
      return true;
    }
    if (!run_one (m, *op))
      return false;
  }
}

EmPickle *
em_pickle_read (const void *bytes, size_t n, size_t *used, const char *label, EmError *err)
{
  EmError own = EM_ERROR_INIT;
  Machine m = { .at = bytes, .end = (const uint8_t *) bytes + n, .label = label, .err = &own };
  bool good = (m.p = calloc (1, sizeof *m.p)) && (m.stack = calloc (MAX_STACK, sizeof *m.stack));

  if (!good)
    em_fail (&own, EM_E_DEVICE, "%s: out of memory", label);
  good = good && run (&m);
  free (m.stack);
  free (m.memo);
  if (good) {
    *used = (size_t) (m.at - (const uint8_t *) bytes);
    return m.p;
  }
  em_fail (err, own.code, "%s", own.text);
  em_pickle_free (m.p);
  return NULL;
}

void
em_pickle_free (EmPickle *p)
{
  for (Chunk *chunk = p ? p->chunks : NULL, *next; chunk; chunk = next) {
    next = chunk->next;
    free (chunk);
  }
  free (p);
}

const EmPickleValue *
em_pickle_root (const EmPickle *p)
{
  return p->root;
}

const EmPickleItem *
em_pickle_stored (const EmPickle *p)
{
  return p->stored;
}

const EmPickleValue *
em_pickle_get (const EmPickleValue *v, const char *key)
{
  const EmPickleValue *found = NULL;

  if (v->kind != EM_PICKLE_DICT)
    return NULL;
  for (const EmPickleItem *k = v->first; k; k = k->next->next)
    if (k->value->kind == EM_PICKLE_TEXT && k->value->length == strlen (key)
        && memcmp (k->value->text, key, k->value->length) == 0)
      found = k->next->value;
  return found;
}

const EmPickleValue *
em_pickle_item (const EmPickleValue *v, int i)
{
  const EmPickleItem *item;

  if (v->kind < EM_PICKLE_TUPLE || v->kind == EM_PICKLE_GLOBAL || i >= v->n)
    return NULL;
  for (item = v->first; i > 0; i--)
    item = item->next;
  return item->value;
}
