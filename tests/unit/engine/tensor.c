/* Shapes as text, and all half-precision numbers there are. */
#include "engine/tensor.h"
#include "check.h"

static void
shapes (void)
{
  char text[64];
  float x[24];
  EmTensor a = em_tensor_f32 (x, 2, 3, 4), b = em_tensor_f32 (x, 2, 12), none = { 0 };
  EmTensor scalar = em_tensor_of (EM_F32, x, 0, NULL), empty = em_tensor_f32 (x, 3, 0);

  CHECK_TEXT (em_shape_text (&a, text, sizeof text), "[2, 3, 4]");
  CHECK_TEXT (em_shape_text (&scalar, text, sizeof text), "[]");
  CHECK_TEXT (em_shape_text (&a, text, 6), "[2, 3");
  CHECK (em_numel (&a) == 24 && em_rows (&a) == 6 && em_last_dim (&a) == 4);
  CHECK (em_numel (&scalar) == 1 && em_rows (&scalar) == 1 && em_rows (&empty) == 0);
  CHECK (!em_same_shape (&a, &b) && em_same_shape (&a, &a));
  CHECK (em_is_nil (&none) && !em_is_nil (&a));
  CHECK_TEXT (em_dtype_name (EM_BF16), "BF16");
  CHECK (em_dtype_bytes (EM_F32) == 4 && em_dtype_bytes (EM_F16) == 2
         && em_dtype_bytes (EM_I64) == 8);
}

/* What the bits say, by the definition. */
static double
half_value (uint16_t bits, int exponent_bits, int fraction_bits)
{
  int bias = (1 << (exponent_bits - 1)) - 1, e = bits >> fraction_bits & ((1 << exponent_bits) - 1);
  double fraction = bits & ((1 << fraction_bits) - 1), sign = bits >> 15 ? -1 : 1;

  if (e == (1 << exponent_bits) - 1)
    return fraction > 0 ? NAN : sign * INFINITY;
  if (e == 0)
    return sign * ldexp (fraction, 1 - bias - fraction_bits);
  return sign * ldexp (1 + ldexp (fraction, -fraction_bits), e - bias);
}

static void
every_half (void)
{
  for (int i = 0; i < 65536; i++) {
    uint16_t bits = (uint16_t) i;
    double f16 = half_value (bits, 5, 10), bf16 = half_value (bits, 8, 7);

    if (isnan (f16))
      CHECK (isnan (em_f16_to_f32 (bits)) && isnan (em_f16_to_f32 (em_f32_to_f16 (NAN))));
    else
      CHECK (em_f16_to_f32 (bits) == (float) f16 && em_f32_to_f16 ((float) f16) == bits);
    if (isnan (bf16))
      CHECK (isnan (em_bf16_to_f32 (bits)));
    else
      CHECK (em_bf16_to_f32 (bits) == (float) bf16 && em_f32_to_bf16 ((float) bf16) == bits);
  }
}

/* Between two neighbours: the nearer one, the even one from the middle. */
static void
rounding (void)
{
  for (int i = 0; i < 0x7bff; i++) {
    double low = half_value ((uint16_t) i, 5, 10), high = half_value ((uint16_t) (i + 1), 5, 10);
    float middle = (float) ((low + high) / 2);

    CHECK_INT (em_f32_to_f16 (middle), i % 2 ? i + 1 : i);
    CHECK_INT (em_f32_to_f16 (nextafterf (middle, 0)), i);
    CHECK_INT (em_f32_to_f16 (-nextafterf (middle, 1e9f)), 0x8000 | (i + 1));
  }
  CHECK_INT (em_f32_to_f16 (65519.99f), 0x7bff);
  CHECK_INT (em_f32_to_f16 (65520), 0x7c00);
  for (int i = 0; i < 0x7f7f; i++) {
    float low = em_bf16_to_f32 ((uint16_t) i), high = em_bf16_to_f32 ((uint16_t) (i + 1));
    float middle = (float) (((double) low + high) / 2);

    CHECK_INT (em_f32_to_bf16 (middle), i % 2 ? i + 1 : i);
    CHECK_INT (em_f32_to_bf16 (nextafterf (middle, 0)), i);
    CHECK_INT (em_f32_to_bf16 (nextafterf (middle, INFINITY)), i + 1);
  }
  CHECK (isnan (em_bf16_to_f32 (em_f32_to_bf16 (NAN))));
}

CHECK_MAIN (shapes, every_half, rounding)
