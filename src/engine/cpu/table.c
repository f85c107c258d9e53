/* table.c - the ops of this copy. */
#include "engine/cpu/cpu.h"

const EmOps EM_CPU (ops) = {
#define EM_OP(name, args) .name = EM_CPU (name),
#include "engine/ops.def"
#undef EM_OP
};
