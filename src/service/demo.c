/* demo.c - the model inside the program: the package's bytes, as the assembler put them there. */
#include "service/demo.h"

__asm__(".pushsection .rodata, \"a\", @progbits\n"
        ".balign 64\n"
        ".hidden em_demo_begin\n"
        ".global em_demo_begin\n"
        "em_demo_begin:\n"
        ".incbin \"" EM_DEMO_FILE "\"\n"
        ".hidden em_demo_end\n"
        ".global em_demo_end\n"
        "em_demo_end:\n"
        ".byte 0\n"
        ".popsection\n");

extern const char em_demo_begin[], em_demo_end[];

EmWeights *
em_demo_weights (EmError *err)
{
  return em_weights_open_bytes (em_demo_begin, (size_t) (em_demo_end - em_demo_begin),
                                "the demo model", err);
}
