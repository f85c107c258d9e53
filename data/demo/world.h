/* The demo world: drawn things that move, hide each other and sound.

   A world is a function of a 64-bit seed and nothing else: ten seconds, 256 by 256 pixels,
   12 frames a second, 16 kHz stereo. Any instant can be drawn on its own, in any order.  */
#ifndef EM_DEMO_WORLD_H
#define EM_DEMO_WORLD_H

#include <stdbool.h>
#include <stdint.h>

enum {
  EM_WORLD_SIDE = 256,
  EM_WORLD_SECONDS = 10,
  EM_WORLD_FPS = 12,
  EM_WORLD_FRAMES = EM_WORLD_SECONDS * EM_WORLD_FPS,
  EM_WORLD_RATE = 16000,
  EM_WORLD_SAMPLES = EM_WORLD_SECONDS * EM_WORLD_RATE,
  EM_WORLD_KINDS = 6,
  EM_WORLD_MAX_OBJECTS = 5,
  EM_WORLD_MAX_INTERVALS = EM_WORLD_SECONDS
};

/* Standard: every object has a kind of its own, so the timbre tells who sounds.
   Twins: two look-alikes of one kind on either side of the picture, exactly one of which ever
   sounds; only the place of the sound tells them apart.  */
typedef enum { EM_WORLD_STANDARD, EM_WORLD_TWINS } EmWorldSlice;

typedef struct {
  double start, end; /* seconds, start < end */
} EmWorldInterval;

typedef struct EmWorld EmWorld;

/* Returns NULL when out of memory. */
EmWorld *em_world_new (uint64_t seed, EmWorldSlice slice);
void em_world_free (EmWorld *world);

int em_world_object_count (const EmWorld *world);
int em_world_object_kind (const EmWorld *world, int object);
/* The mean colour of the object, 0xRRGGBB. */
uint32_t em_world_object_color (const EmWorld *world, int object);
const char *em_world_kind_name (int kind);

/* Fills in at most EM_WORLD_MAX_INTERVALS intervals, in order and apart, and returns how many. */
int em_world_intervals (const EmWorld *world, int object, EmWorldInterval *intervals);

/* Where object is at `time`: the centre in pixels. Its radius never changes. */
void em_world_place (const EmWorld *world, int object, double time, double *x, double *y);
double em_world_radius (const EmWorld *world, int object);

/* Draws the instant `time` in seconds. `rgb` gets side * side * 3 bytes; `owner` (may be NULL)
   gets one byte per pixel, 0 for the background, 1 + i where object i is what one sees.  */
void em_world_draw (const EmWorld *world, double time, uint8_t *rgb, uint8_t *owner);

/* Writes EM_WORLD_SAMPLES interleaved stereo samples; `ambient` lets the faint background noise
   of the worlds that have one in. Returns false when out of memory.  */
bool em_world_sound (const EmWorld *world, bool ambient, int16_t *samples);

#endif
