/* unicode.h - what a tokenizer wants to know of a character.
 *
 * The tables are Unicode 16.0's, which the reference implementation of the tokenizer has too: a
 * library would follow its own version, and with it the numbers that a model reads would change
 * from one system to the next. */
#pragma once
#include <stdint.h>

typedef enum {
  EM_CHAR_OTHER,
  EM_CHAR_SPACE,  /* White_Space */
  EM_CHAR_LETTER, /* general category L */
  EM_CHAR_NUMBER, /* general category N */
} EmCharClass;

EmCharClass em_char_class (uint32_t character);
