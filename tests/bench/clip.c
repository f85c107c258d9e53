/* clip.c - discs that go to and fro. */
#include "clip.h"
#include <math.h>
#include <stdlib.h>

#define RATE 16000

static void *
need (void *p)
{
  EM_BUG_UNLESS (p);
  return p;
}

/* To and fro between 0 and length - 1. */
static int
along (int at, int length)
{
  at %= 2 * length;
  return at < length ? at : 2 * length - 1 - at;
}

void
bench_clip_disc (const BenchClip *c, int disc, int frame, int *x, int *y, int *radius)
{
  int width = c->source.width, height = c->source.height, r = height / (7 + disc % 3);

  *radius = r;
  *x = r
       + along (width * (2 + 3 * disc) / 11 + frame * (1 + disc % 3) * width / 320, width - 2 * r);
  *y = r + along (height * (2 + disc % 3) / 6 + frame * (disc % 2) * height / 270, height - 2 * r);
}

static void
draw_ground (BenchClip *c)
{
  int width = c->source.width, height = c->source.height;
  uint8_t *at = c->ground;

  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++, at += 3) {
      int u = x * 256 / width, v = y * 256 / height;

      at[0] = (uint8_t) (u / 2 + 20);
      at[1] = (uint8_t) (v / 2 + 40);
      at[2] = (uint8_t) ((u * v / 16) % 64 + 40);
    }
}

static bool
read_frame (void *self, int frame, uint8_t *rgb, EmError *err)
{
  const BenchClip *c = self;
  int width = c->source.width;

  memcpy (rgb, c->ground, (size_t) width * (size_t) c->source.height * 3);
  for (int i = 0; i < c->n_discs; i++) {
    int cx, cy, r;

    bench_clip_disc (c, i, frame, &cx, &cy, &r);
    for (int y = -r + 1; y < r; y++) {
      int half = (int) sqrt ((double) (r * r - y * y));
      uint8_t *at = rgb + 3 * ((size_t) (cy + y) * (size_t) width + (size_t) (cx - half));

      for (int x = -half; x < half; x++, at += 3) {
        at[0] = (uint8_t) (230 - 80 * (i % 3));
        at[1] = (uint8_t) (50 + 80 * (i % 3));
        at[2] = (uint8_t) (150 + (x + y) % 32);
      }
    }
  }
  return true;
}

void
bench_clip_init (BenchClip *c, int width, int height, int n_frames, int n_discs, int seconds)
{
  int64_t samples = (int64_t) seconds * RATE;

  *c = (BenchClip){ .n_discs = n_discs };
  c->source = (EmClipSource){
    .self = c, .n_frames = n_frames, .width = width, .height = height, .read = read_frame
  };
  c->ground = need (malloc ((size_t) width * (size_t) height * 3));
  draw_ground (c);
  if (seconds == 0)
    return;
  c->sound = need (malloc (sizeof *c->sound * 2 * (size_t) samples));
  c->grid = need (malloc (sizeof *c->grid * (size_t) seconds));
  c->pts_ns = need (malloc (sizeof *c->pts_ns * (size_t) n_frames));
  for (int64_t i = 0; i < samples; i++)
    c->sound[2 * i] = c->sound[2 * i + 1]
        = (float) (0.3 * sin (0.17 * (double) i) * sin (0.0003 * (double) i));
  for (int i = 0; i < seconds; i++)
    c->grid[i] = i < n_frames ? i : n_frames - 1;
  for (int i = 0; i < n_frames; i++)
    c->pts_ns[i] = i * INT64_C (1000000000);
  c->source.sound = c->sound;
  c->source.n_samples = samples;
  c->source.grid = c->grid;
  c->source.n_grid = seconds;
  c->source.pts_ns = c->pts_ns;
}

void
bench_clip_clear (BenchClip *c)
{
  free (c->ground);
  free (c->sound);
  free (c->grid);
  free (c->pts_ns);
}
