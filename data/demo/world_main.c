/* em-demo-world: writes one clip of the demo world and what is true in it.

   OUT/NAME.y4m, OUT/NAME.wav      4:4:4 pictures and 16-bit stereo sound
   OUT/NAME/001/00000.png ...      the visible pixels of object 1 on frame 0 (255), else 0
   OUT/NAME/objects.csv, frames.csv, sounding.csv  */
#include "world.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PIXELS = EM_WORLD_SIDE * EM_WORLD_SIDE, PATH_SIZE = 4096 };

static _Noreturn void
fail (const char *what, const char *where)
{
  fprintf (stderr, "em-demo-world: %s %s: %s\n", what, where, strerror (errno));
  exit (1);
}

static void
make_folder (const char *path)
{
  if (mkdir (path, 0777) != 0 && errno != EEXIST)
    fail ("cannot make folder", path);
}

static FILE *
open_file (const char *path)
{
  FILE *file = fopen (path, "wb");
  if (!file)
    fail ("cannot write", path);
  return file;
}

static void
close_file (FILE *file, const char *path)
{
  bool bad = ferror (file) != 0;
  if (fclose (file) != 0 || bad)
    fail ("cannot write", path);
}

static uint8_t
to_byte (double value)
{
  return (uint8_t) lrint (fmax (0, fmin (255, value)));
}

/* BT.601 with the limited range that every reader of the format takes for granted. */
static void
write_picture (FILE *file, const uint8_t *rgb)
{
  static uint8_t plane[3][PIXELS];
  for (int i = 0; i < PIXELS; i++) {
    double r = rgb[3 * i], g = rgb[3 * i + 1], b = rgb[3 * i + 2];
    double y = 0.299 * r + 0.587 * g + 0.114 * b;
    plane[0][i] = to_byte (16 + y * 219 / 255);
    plane[1][i] = to_byte (128 + (b - y) / 1.772 * 224 / 255);
    plane[2][i] = to_byte (128 + (r - y) / 1.402 * 224 / 255);
  }
  fputs ("FRAME\n", file);
  fwrite (plane, 1, sizeof plane, file);
}

static void
write_mask (const char *path, const uint8_t *owner, uint8_t id)
{
  static uint8_t gray[PIXELS];
  for (int i = 0; i < PIXELS; i++)
    gray[i] = owner[i] == id ? 255 : 0;
  png_image image = { .version = PNG_IMAGE_VERSION,
                      .width = EM_WORLD_SIDE,
                      .height = EM_WORLD_SIDE,
                      .format = PNG_FORMAT_GRAY };
  if (!png_image_write_to_file (&image, path, 0, gray, 0, NULL)) {
    fprintf (stderr, "em-demo-world: cannot write %s: %s\n", path, image.message);
    exit (1);
  }
}

static void
write_frames (const EmWorld *world, const char *out, const char *name)
{
  static uint8_t rgb[3 * PIXELS], owner[PIXELS];
  char path[PATH_SIZE];
  snprintf (path, sizeof path, "%s/%s.y4m", out, name);
  FILE *video = open_file (path);
  fprintf (video, "YUV4MPEG2 W%d H%d F%d:1 Ip A1:1 C444\n", EM_WORLD_SIDE, EM_WORLD_SIDE,
           EM_WORLD_FPS);
  for (int frame = 0; frame < EM_WORLD_FRAMES; frame++) {
    em_world_draw (world, (double) frame / EM_WORLD_FPS, rgb, owner);
    write_picture (video, rgb);
    for (int i = 1; i <= em_world_object_count (world); i++) {
      char mask[PATH_SIZE];
      snprintf (mask, sizeof mask, "%s/%s/%03d/%05d.png", out, name, i, frame);
      write_mask (mask, owner, (uint8_t) i);
    }
  }
  close_file (video, path);
}

static void
put (FILE *file, uint32_t value, int bytes)
{
  for (int i = 0; i < bytes; i++)
    fputc ((int) (value >> 8 * i & 255), file);
}

static void
write_sound (const EmWorld *world, const char *out, const char *name)
{
  enum { BYTES = EM_WORLD_SAMPLES * 4 };
  static int16_t samples[2 * EM_WORLD_SAMPLES];
  char path[PATH_SIZE];
  snprintf (path, sizeof path, "%s/%s.wav", out, name);
  FILE *file = open_file (path);
  if (!em_world_sound (world, true, samples))
    fail ("cannot make the sound of", path);
  fputs ("RIFF", file);
  put (file, 36 + BYTES, 4);
  fputs ("WAVEfmt ", file);
  put (file, 16, 4); /* size of what follows: PCM, stereo, rate, bytes a second, a frame, bits */
  put (file, 1, 2);
  put (file, 2, 2);
  put (file, EM_WORLD_RATE, 4);
  put (file, EM_WORLD_RATE * 4, 4);
  put (file, 4, 2);
  put (file, 16, 2);
  fputs ("data", file);
  put (file, BYTES, 4);
  for (int i = 0; i < 2 * EM_WORLD_SAMPLES; i++)
    put (file, (uint16_t) samples[i], 2);
  close_file (file, path);
}

static int64_t
nanoseconds (double seconds)
{
  return llrint (seconds * 1e9);
}

static void
write_tables (const EmWorld *world, const char *out, const char *name)
{
  char path[PATH_SIZE];
  snprintf (path, sizeof path, "%s/%s/objects.csv", out, name);
  FILE *file = open_file (path);
  fputs ("object,name,class,color\n", file);
  for (int i = 0; i < em_world_object_count (world); i++) {
    const char *kind = em_world_kind_name (em_world_object_kind (world, i));
    fprintf (file, "%d,%s %d,%s,#%06" PRIx32 "\n", i + 1, kind, i + 1, kind,
             em_world_object_color (world, i));
  }
  close_file (file, path);

  snprintf (path, sizeof path, "%s/%s/frames.csv", out, name);
  file = open_file (path);
  fputs ("frame,pts_ns\n", file);
  for (int frame = 0; frame < EM_WORLD_FRAMES; frame++)
    fprintf (file, "%d,%" PRId64 "\n", frame, nanoseconds ((double) frame / EM_WORLD_FPS));
  close_file (file, path);

  snprintf (path, sizeof path, "%s/%s/sounding.csv", out, name);
  file = open_file (path);
  fputs ("object,start_ns,end_ns\n", file);
  for (int i = 0; i < em_world_object_count (world); i++) {
    EmWorldInterval interval[EM_WORLD_MAX_INTERVALS];
    int n = em_world_intervals (world, i, interval);
    for (int j = 0; j < n; j++)
      fprintf (file, "%d,%" PRId64 ",%" PRId64 "\n", i + 1, nanoseconds (interval[j].start),
               nanoseconds (interval[j].end));
  }
  close_file (file, path);
}

int
main (int argc, char **argv)
{
  uint64_t seed = 0;
  EmWorldSlice slice = EM_WORLD_STANDARD;
  const char *out = NULL, *name = "clip";
  bool good = argc > 1;
  for (int i = 1; i < argc; i += 2) {
    const char *value = i + 1 < argc ? argv[i + 1] : NULL;
    char *end = NULL;
    if (!value)
      good = false;
    else if (strcmp (argv[i], "--seed") == 0) {
      seed = strtoull (value, &end, 10);
      good &= end != value && *end == '\0';
    } else if (strcmp (argv[i], "--slice") == 0 && strcmp (value, "twins") == 0)
      slice = EM_WORLD_TWINS;
    else if (strcmp (argv[i], "--slice") == 0 && strcmp (value, "standard") == 0)
      slice = EM_WORLD_STANDARD;
    else if (strcmp (argv[i], "--out") == 0)
      out = value;
    else if (strcmp (argv[i], "--name") == 0)
      name = value;
    else
      good = false;
  }
  if (!good || !out) {
    fputs ("usage: em-demo-world --seed N [--slice standard|twins] [--name NAME] --out DIR\n",
           stderr);
    return 2;
  }

  EmWorld *world = em_world_new (seed, slice);
  if (!world)
    fail ("cannot make", "the world");
  char path[PATH_SIZE];
  make_folder (out);
  snprintf (path, sizeof path, "%s/%s", out, name);
  make_folder (path);
  for (int i = 1; i <= em_world_object_count (world); i++) {
    snprintf (path, sizeof path, "%s/%s/%03d", out, name, i);
    make_folder (path);
  }
  write_frames (world, out, name);
  write_sound (world, out, name);
  write_tables (world, out, name);
  em_world_free (world);
  return 0;
}
