/* queue.cu - ops are gathered, and what comes again is replayed as one graph.
 *
 * An op's entry in the table writes its arguments down and returns; the calls run when a copy or a
 * download wants them done. The written calls are their own key: a list that came before with the
 * same ops, shapes, numbers and addresses is launched as the graph that was captured of it. A list
 * seen for the first time runs call by call, which also puts memory behind its scratch and makes
 * the forms of weights; seen for the second time it is captured. So nothing has to be named, and a
 * pass that differs in anything is never replayed by mistake.
 * Written arguments are zero wherever they have no meaning, so lists compare as bytes. */
#include <deque>
#include <stdlib.h>
#include <string.h>
#include <tuple>
#include "cuda.cuh"

#define MAX_REPLAYS 96 /* lists that are remembered */
#define WORTH_IT    3  /* calls */

typedef void RunFn (EmCuda *c, const char *at);

/* A call in the list: this, then its arguments. */
struct Head {
  RunFn *run;
  uint64_t bytes; /* of head and arguments */
};

/* Arguments as bytes, each a multiple of 8. `n` is what the last tensor or number says about the
 * array that follows it: its axes for an order, its value for a list of tensors. */
struct Writer {
  EmCudaQueue *q;
  int64_t n;

  void
  put (const void *data, size_t bytes)
  {
    size_t at = q->calls.size ();

    q->calls.resize (at + (bytes + 7) / 8 * 8); /* zeroed */
    memcpy (q->calls.data () + at, data, bytes);
  }
};

struct Reader {
  const char *at;
  int64_t n;

  const void *
  take (size_t bytes)
  {
    const char *from = at;

    at += (bytes + 7) / 8 * 8;
    return from;
  }
};

template <typename T>
static void
write_one (Writer &w, T value)
{
  static_assert (sizeof value <= 8, "a number");
  w.n = (int64_t) value;
  w.put (&value, sizeof value);
}

static void
write_one (Writer &w, const EmTensor *t)
{
  int64_t there = t != NULL;

  w.put (&there, sizeof there);
  if (t) {
    w.n = t->ndim;
    w.put (t, sizeof *t);
  }
}

static void
write_one (Writer &w, EmTensor *t)
{
  write_one (w, (const EmTensor *) t);
}

static void
write_one (Writer &w, const int *order)
{
  w.put (order, (size_t) w.n * sizeof *order);
}

static void
write_one (Writer &w, const EmTensor *const *parts)
{
  int64_t n = w.n;

  for (int64_t i = 0; i < n; i++)
    w.put (parts[i], sizeof **parts);
}

template <typename T> struct Read {
  static T
  one (Reader &r)
  {
    T value;

    memcpy (&value, r.take (sizeof value), sizeof value);
    r.n = (int64_t) value;
    return value;
  }
};

template <> struct Read<const EmTensor *> {
  static const EmTensor *
  one (Reader &r)
  {
    const EmTensor *t;

    if (!*(const int64_t *) r.take (8))
      return NULL;
    t = (const EmTensor *) r.take (sizeof *t);
    r.n = t->ndim;
    return t;
  }
};

template <> struct Read<EmTensor *> {
  static EmTensor *
  one (Reader &r)
  {
    return (EmTensor *) Read<const EmTensor *>::one (r);
  }
};

template <> struct Read<const int *> {
  static const int *
  one (Reader &r)
  {
    return (const int *) r.take ((size_t) r.n * sizeof (int));
  }
};

template <> struct Read<const EmTensor *const *> {
  static const EmTensor *const *
  one (Reader &r)
  {
    static thread_local std::vector<const EmTensor *> parts; /* for the one call */
    int64_t n = r.n;

    parts.clear ();
    for (int64_t i = 0; i < n; i++)
      parts.push_back ((const EmTensor *) r.take (sizeof (EmTensor)));
    return parts.data ();
  }
};

/* An entry of the table that gathers calls of `op`. */
template <auto op> struct Gathered;
template <typename... A, void (*op) (EmBackend *, A...)> struct Gathered<op> {
  static void
  run (EmCuda *c, const char *at)
  {
    Reader r = { at, 0 };
    std::tuple<A...> arguments{ Read<A>::one (r)... }; /* in order */

    c->scratch_used = 0;
    std::apply ([&] (A... a) { op (&c->base, a...); }, arguments);
  }

  static void
  call (EmBackend *be, A... arguments)
  {
    EmCudaQueue *q = &em_cuda_of (be)->queue;
    size_t begin = q->calls.size ();
    Head head = { run, 0 };
    Writer w = { q, 0 };

    w.put (&head, sizeof head);
    (write_one (w, arguments), ...);
    ((Head *) (q->calls.data () + begin))->bytes = q->calls.size () - begin;
    q->n_calls++;
  }
};

/* Moves within scratch are gathered too. Where the two ranges meet, pieces as long as the way go
 * one after the other, front first, since things only move towards the beginning. */
static void
move_now (EmBackend *be, char *to, const char *from, size_t bytes)
{
  EmCuda *c = em_cuda_of (be);
  size_t way = (size_t) (from - to), step = to < from && way < bytes ? way : bytes;

  if (to == from)
    return;
  EM_BUG_UNLESS (to + bytes <= from || to < from || from + bytes <= to);
  if (step * 16 < bytes) { /* many pieces: by way of other memory */
    void *other = em_cuda_scratch (c, bytes);

    if (other
        && em_cuda_check (c,
                          cudaMemcpyAsync (other, from, bytes, cudaMemcpyDeviceToDevice,
                                           c->stream),
                          "moving"))
      em_cuda_check (c, cudaMemcpyAsync (to, other, bytes, cudaMemcpyDeviceToDevice, c->stream),
                     "moving");
    return;
  }
  for (size_t at = 0; at < bytes; at += step)
    em_cuda_check (c,
                   cudaMemcpyAsync (to + at, from + at, bytes - at < step ? bytes - at : step,
                                    cudaMemcpyDeviceToDevice, c->stream),
                   "moving");
}

void
em_cuda_gather_move (EmBackend *be, void *to, const void *from, size_t bytes)
{
  Gathered<move_now>::call (be, (char *) to, (const char *) from, bytes);
}

/* Through the host: the CPU's op on copies. Slow, never wrong. The f32 of the CPU stands for the
 * device's type, but in a cast, whose types are its point. */
struct HostCopies {
  EmCuda *c;
  bool raw;
  std::deque<EmTensor> tensors; /* stay where they are as more come */
  std::vector<const EmTensor *> parts;
  EmTensor *y = NULL; /* on the device, and its copy */
  EmTensor *y_copy = NULL;

  HostCopies (EmCuda *c, bool raw) : c (c), raw (raw) {}

  ~HostCopies ()
  {
    for (EmTensor &t : tensors)
      ::free (t.data);
  }

  EmTensor *
  copy_of (const EmTensor *t, bool filled)
  {
    EmTensor *h = &tensors.emplace_back (*t);
    int64_t count = em_numel (t);
    void *bytes;

    h->dtype = t->dtype == EM_BF16 && !raw ? EM_F32 : t->dtype;
    h->data = calloc ((size_t) (count ? count : 1), 8);
    bytes = calloc ((size_t) (count ? count : 1), 8);
    EM_BUG_UNLESS (h->data && bytes);
    if (filled) {
      c->base.download (&c->base, bytes, t->data, (size_t) count * size_of (t->dtype));
      if (h->dtype == t->dtype)
        memcpy (h->data, bytes, (size_t) count * size_of (t->dtype));
      else
        for (int64_t i = 0; i < count; i++)
          ((float *) h->data)[i] = em_bf16_to_f32 (((uint16_t *) bytes)[i]);
    }
    ::free (bytes);
    return h;
  }

  static size_t
  size_of (EmDtype dtype)
  {
    return dtype == EM_BF16 || dtype == EM_F16 ? 2 : dtype == EM_U8 ? 1 : dtype == EM_I64 ? 8 : 4;
  }

  template <typename T>
  T
  in (T value, int64_t *last)
  {
    *last = (int64_t) value;
    return value;
  }
  const EmTensor *
  in (const EmTensor *t, int64_t *last)
  {
    return t ? copy_of (t, true) : NULL;
  }
  EmTensor *
  in (EmTensor *t, int64_t *last)
  {
    y = t;
    return y_copy = copy_of (t, false);
  }
  const int *
  in (const int *order, int64_t *last)
  {
    return order;
  }
  const EmTensor *const *
  in (const EmTensor *const *list, int64_t *last)
  {
    for (int64_t i = 0; i < *last; i++)
      parts.push_back (copy_of (list[i], true));
    return parts.data ();
  }

  void
  bring_back ()
  {
    int64_t count = em_numel (y);
    uint16_t *half;

    if (y_copy->dtype == y->dtype) {
      c->base.upload (&c->base, y->data, y_copy->data, (size_t) count * size_of (y->dtype));
      return;
    }
    half = (uint16_t *) calloc ((size_t) (count ? count : 1), 2);
    EM_BUG_UNLESS (half);
    for (int64_t i = 0; i < count; i++)
      half[i] = em_f32_to_bf16 (((float *) y_copy->data)[i]);
    c->base.upload (&c->base, y->data, half, (size_t) count * 2);
    ::free (half);
  }
};

/* The same list type as a device op's, so that both can stand in one list. */
template <EmOpId id, auto member> struct OnHost;
template <EmOpId id, typename... A, void (*EmOps::*member) (EmBackend *, A...)>
struct OnHost<id, member> {
  static void
  run (EmBackend *be, A... arguments)
  {
    EmCuda *c = em_cuda_of (be);
    HostCopies copies (c, id == EM_OP_cast);
    int64_t last = 0;

    c->was_slow[id] = true;
    std::tuple<A...> host{ copies.in (arguments, &last)... };
    std::apply ([&] (A... a) { (c->cpu->ops.*member) (c->cpu, a...); }, host);
    copies.bring_back ();
  }

  static void
  call (EmBackend *be, A... arguments)
  {
    em_cuda_of (be)->queue.has_host_op = true;
    Gathered<run>::call (be, arguments...);
  }
};

void
em_cuda_fill_table (EmCuda *c, EmOps *ops)
{
#define EM_OP(name, args)                                                                          \
  ops->name = c->on_host[EM_OP_##name] ? OnHost<EM_OP_##name, &EmOps::name>::call                  \
                                       : Gathered<cuda_##name>::call;
#include "engine/ops.def"
#undef EM_OP
}

/* Running. */

static void
run_calls (EmCuda *c, const std::vector<char> &calls)
{
  for (size_t at = 0; at < calls.size () && c->base.err.code == EM_OK;) {
    const Head *head = (const Head *) (calls.data () + at);

    head->run (c, calls.data () + at + sizeof *head);
    at += head->bytes;
  }
}

static uint64_t
hash_of (const std::vector<char> &calls)
{
  uint64_t hash = 14695981039346656037u, word;

  for (size_t at = 0; at < calls.size (); at += 8) {
    memcpy (&word, calls.data () + at, 8);
    hash = (hash ^ word) * 1099511628211u;
    hash ^= hash >> 29;
  }
  return hash;
}

static EmCudaReplay *
find (EmCudaQueue *q, const std::vector<char> &calls, uint64_t hash)
{
  for (EmCudaReplay &r : q->replays)
    if (r.hash == hash && r.calls == calls)
      return &r;
  return NULL;
}

static void
drop (EmCudaReplay *r)
{
  if (r->exec)
    cudaGraphExecDestroy (r->exec);
}

static EmCudaReplay *
remember (EmCudaQueue *q, const std::vector<char> &calls, uint64_t hash)
{
  if (q->replays.size () >= MAX_REPLAYS) {
    size_t oldest = 0;

    for (size_t i = 1; i < q->replays.size (); i++)
      oldest = q->replays[i].used < q->replays[oldest].used ? i : oldest;
    drop (&q->replays[oldest]);
    q->replays.erase (q->replays.begin () + (long) oldest);
  }
  q->replays.push_back ({ calls, hash, 0, NULL, false });
  return &q->replays.back ();
}

/* One graph of the list. Where that cannot be, the list goes on being run call by call. */
static void
capture (EmCuda *c, EmCudaReplay *r)
{
  cudaGraph_t graph = NULL;
  EmError before = c->base.err;

  r->eager = true;
  if (cudaStreamBeginCapture (c->stream, cudaStreamCaptureModeRelaxed) != cudaSuccess) {
    cudaGetLastError ();
    return;
  }
  run_calls (c, r->calls);
  if (cudaStreamEndCapture (c->stream, &graph) == cudaSuccess && c->base.err.code == EM_OK
      && cudaGraphInstantiate (&r->exec, graph, 0) == cudaSuccess)
    r->eager = false;
  else
    r->exec = NULL;
  if (graph)
    cudaGraphDestroy (graph);
  cudaGetLastError ();
  c->base.err = before;
}

bool
em_cuda_flush (EmCuda *c)
{
  EmCudaQueue *q = &c->queue;
  std::vector<char> calls;
  EmCudaReplay *r = NULL;
  bool has_host_op = q->has_host_op, worth_it = q->n_calls >= WORTH_IT, is_new = false;
  uint64_t hash = 0;

  em_cuda_make_current (c);
  if (q->n_calls == 0)
    return c->base.err.code == EM_OK;
  calls.swap (q->calls); /* an op on the host copies, and so comes here again */
  q->n_calls = 0;
  q->has_host_op = false;
  if (c->base.err.code != EM_OK)
    return false;

  if (worth_it && !has_host_op) {
    hash = hash_of (calls);
    r = find (q, calls, hash);
    if (r && !r->exec && !r->eager)
      capture (c, r);
    is_new = !r;
  }
  if (!has_host_op)
    em_cuda_span_begin (c);
  if (r && r->exec) {
    r->used = ++q->clock;
    q->n_replayed++;
    em_cuda_check (c, cudaGraphLaunch (r->exec, c->stream), "replaying a pass");
  } else {
    run_calls (c, calls);
    if (is_new && c->base.err.code == EM_OK) /* all it needs is there: a capture makes nothing */
      remember (q, calls, hash)->used = ++q->clock;
  }
  if (!has_host_op)
    em_cuda_span_end (c);
  if (q->calls.empty ()) { /* keep the room */
    calls.clear ();
    q->calls.swap (calls);
  }
  return c->base.err.code == EM_OK;
}

void
em_cuda_forget_replays (EmCuda *c)
{
  for (EmCudaReplay &r : c->queue.replays)
    drop (&r);
  c->queue.replays.clear ();
}

/* Whether some argument is an address in there; a number that looks like one costs a graph. */
static bool
points_to (const std::vector<char> &calls, const char *memory, size_t bytes)
{
  uintptr_t word;

  for (size_t at = 0; at + sizeof word <= calls.size (); at += sizeof word) {
    memcpy (&word, calls.data () + at, sizeof word);
    if (word - (uintptr_t) memory < bytes)
      return true;
  }
  return false;
}

void
em_cuda_forget_replays_of (EmCuda *c, const void *memory, size_t bytes)
{
  std::vector<EmCudaReplay> &replays = c->queue.replays;

  for (size_t i = replays.size (); i-- > 0;)
    if (points_to (replays[i].calls, (const char *) memory, bytes)) {
      drop (&replays[i]);
      replays.erase (replays.begin () + (long) i);
    }
}

/* Device time. */

void
em_cuda_span_begin (EmCuda *c)
{
  EmCudaSpan span = {};

  if (!c->timing)
    return;
  if (c->spans.size () >= 4096) {
    cudaStreamSynchronize (c->stream);
    em_cuda_spans_collect (c);
  }
  cudaEventCreate (&span.begin);
  cudaEventCreate (&span.end);
  cudaEventRecord (span.begin, c->stream);
  c->spans.push_back (span);
}

void
em_cuda_span_end (EmCuda *c)
{
  if (c->timing)
    cudaEventRecord (c->spans.back ().end, c->stream);
}

void
em_cuda_spans_collect (EmCuda *c)
{
  float ms;

  for (EmCudaSpan &s : c->spans) {
    if (cudaEventElapsedTime (&ms, s.begin, s.end) == cudaSuccess)
      c->seconds += 1e-3 * ms;
    cudaEventDestroy (s.begin);
    cudaEventDestroy (s.end);
  }
  c->spans.clear ();
}
