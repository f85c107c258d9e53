/* bind.c - listing and loading are one walk; what does not fit is said. */
#include "weights/bind.h"
#include "check.h"

typedef struct {
  EmPair linear;
  EmTensor *maybe;
  const EmTensor *file;
} Part;

static void
part_bind (EmBinder *b, Part *p)
{
  size_t mark = em_bind_enter (b, "part.%d.", 3);

  em_bind_pair (b, &p->linear, "fc", 2, 3);
  em_bind_optional (b, &p->maybe, "maybe", 4);
  em_bind_dead (b, "dead", 5, 1);
  em_bind_bytes (b, &p->file, "file");
  em_bind_leave (b, mark);
}

static char listed[256];

static void
listen (void *self, const char *name, int ndim, const int64_t *shape, EmBindNeed need)
{
  size_t n = strlen (listed);

  snprintf (listed + n, sizeof listed - n, "%s/%d/%d/%d ", name, ndim, (int) shape[0], need);
}

static void
lists_what_it_loads (void)
{
  EmBinder *b = em_binder_new_list (listen, NULL);
  Part p;

  part_bind (b, &p);
  CHECK (em_binder_finish (b, NULL, NULL));
  CHECK_TEXT (listed, "part.3.fc.weight/2/2/0 part.3.fc.bias/1/2/0 part.3.maybe/1/4/1 "
                      "part.3.dead/2/5/2 part.3.file/1/0/3 ");
}

static float weight[6] = { 1, 2, 3, 4, 5, 6 };
static uint16_t half_bias[2] = { 0x3c00, 0xc000 }; /* 1, -2 in f16 */
static float maybe[4] = { 7, 8, 9, 10 };
static uint8_t file[5] = { 1, 2, 3, 4, 5 };

static const char *const names[]
    = { "part.3.file", "part.3.fc.weight", "part.3.fc.bias", "part.3.maybe" };

/* Loads a part from the first n of these; false with *err. */
static bool
load (EmTensor *tensors, int n, Part *p, EmBound **bound, EmBackend *be, EmWeights **w,
      EmError *err)
{
  *err = (EmError) EM_ERROR_INIT;
  *bound = NULL;
  *w = em_weights_open_tensors (n, names, tensors, NULL, err);
  EmBinder *b = em_binder_new_load (*w, be);
  part_bind (b, p);
  return em_binder_finish (b, bound, err);
}

static void
loads_and_refuses (void)
{
  EmError err = EM_ERROR_INIT;
  EmBackend *be = em_backend_open ("cpu", &err);
  EmTensor tensors[4]
      = { em_tensor_of (EM_U8, file, 1, (int64_t[]){ 5 }), em_tensor_f32 (weight, 2, 3),
          em_tensor_of (EM_F16, half_bias, 1, (int64_t[]){ 2 }), em_tensor_f32 (maybe, 4) };
  EmBound *bound;
  EmWeights *w;
  Part p;

  CHECK (load (tensors, 4, &p, &bound, be, &w, &err));
  CHECK (p.linear.w && p.linear.w->data == (void *) weight); /* used where it lies */
  CHECK (p.linear.b && p.linear.b->dtype == EM_F32);
  CHECK (p.linear.b && em_f32 (p.linear.b)[0] == 1 && em_f32 (p.linear.b)[1] == -2);
  CHECK (p.maybe && em_f32 (p.maybe)[3] == 10);
  CHECK (p.file && p.file->data == (void *) file && em_numel (p.file) == 5);
  em_bound_free (bound);
  em_weights_close (w);

  CHECK (load (tensors, 3, &p, &bound, be, &w, &err));
  CHECK (!p.maybe);
  em_bound_free (bound);
  em_weights_close (w);

  CHECK (!load (tensors, 2, &p, &bound, be, &w, &err));
  CHECK_INT (err.code, EM_E_WEIGHTS);
  CHECK (strstr (err.text, "part.3.fc.bias is missing"));
  em_weights_close (w);

  tensors[1] = em_tensor_f32 (weight, 3, 2);
  CHECK (!load (tensors, 4, &p, &bound, be, &w, &err));
  CHECK_INT (err.code, EM_E_WEIGHTS);
  CHECK (strstr (err.text, "part.3.fc.weight is [3, 2], expected [2, 3]"));
  em_weights_close (w);

  tensors[1] = em_tensor_of (EM_I32, weight, 2, (int64_t[]){ 2, 3 });
  CHECK (!load (tensors, 4, &p, &bound, be, &w, &err));
  CHECK (strstr (err.text, "type I32"));
  em_weights_close (w);

  tensors[1] = em_tensor_f32 (weight, 2, 3);
  tensors[0] = em_tensor_f32 (maybe, 4);
  CHECK (!load (tensors, 4, &p, &bound, be, &w, &err));
  CHECK (strstr (err.text, "part.3.file") && strstr (err.text, "bytes"));
  em_weights_close (w);
  em_backend_close (be);
}

CHECK_MAIN (lists_what_it_loads, loads_and_refuses)
