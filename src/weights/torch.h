/* torch.h - a checkpoint of PyTorch as named tensors.
 *
 * Two containers: a zip archive of uncompressed members (torch.save since 1.6) and what came before
 * it, pickles one after another with the raw storages behind them. The state dictionary is the
 * value itself, or its "model", "state_dict" or "model_state_dict"; entries of it that are no
 * tensors are passed over. A contiguous tensor is used where it lies; general strides and odd
 * addresses are gathered into a copy, whose size is at most that of the file. */
#pragma once
#include "weights/weights_private.h"

/* Do the first bytes look like either? */
bool em_is_torch (const void *bytes, size_t n);

/* Fills `w` from `n` bytes that stay where they are. EM_E_WEIGHTS if they are no sound checkpoint,
 * or hold anything that is not allowed in one. */
bool em_torch_read (EmWeights *w, const void *bytes, size_t n, EmError *err);
