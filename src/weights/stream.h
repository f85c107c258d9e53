/* stream.h - a tensor's bytes, in its own type or another, a piece at a time.
 *
 * A package larger than memory is digested and written this way: sources stay mapped, and what is
 * converted is as much as one piece. */
#pragma once
#include "weights/weights.h"

/* The type a tensor is stored in: `dtype` if that is a float type and the tensor's own is one too,
 * else its own; -1 keeps every type. */
EmDtype em_stored_dtype (const EmTensor *t, int dtype);

/* Takes the next bytes; false ends the stream. */
typedef bool (*EmSinkFn) (void *self, const void *bytes, size_t n);

/* All of `t` in type `dtype`, which em_stored_dtype gave. False if the sink ended it, or with *err:
 * EM_E_WEIGHTS if a value is too large for f16, `name` in the sentence. */
bool em_tensor_stream (const EmTensor *t, EmDtype dtype, const char *name, EmSinkFn sink,
                       void *self, EmError *err);
