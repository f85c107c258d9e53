/* bench.h - what a model's stages take on a backend.
 *
 * A stage runs a few times, the first of which do not count: passes are captured on the way. The
 * device's own seconds are those of its ops alone; the clock's are those of a caller who waits for
 * the answer. */
#pragma once
#include "clip.h"
#include "model.h"

typedef struct {
  const char *name, *what;
  int n;                 /* runs that count */
  double *wall, *device; /* [n] seconds; device NULL: only the clock tells */
  double flop;           /* of a run */
  int frames;            /* that a run stands for */
  double floor;          /* seconds a frame needs at least; 0: not known */
} BenchStage;

#define BENCH_MAX_STAGES 12

typedef struct {
  const BenchModel *model;
  const char *word; /* that the model was opened by */
  int rounds, n_objects;
  int n;
  BenchStage stages[BENCH_MAX_STAGES];
  size_t peak_bytes; /* of the device; 0: it has no memory of its own */
} Bench;

#define BENCH_WIDTH  1920
#define BENCH_HEIGHT 1080

/* Runs what the model can do and prints a line for each stage. EM_E_CHECK if a number makes no
 * sense. */
bool bench_run (Bench *b, EmError *err);
void bench_clear (Bench *b);

/* Of a frame: milliseconds, of a device that tells or else of the clock. */
double bench_wall_ms (const BenchStage *s);
double bench_device_ms (const BenchStage *s); /* NAN: not known */
double bench_tflops (const BenchStage *s);

void bench_print_head (const Bench *b);
void bench_print_stage (const BenchStage *s);
void bench_print_foot (const Bench *b);
bool bench_write_json (const Bench *b, const char *path, EmError *err);

/* Tracks through a long clip, for so many seconds (0: to its end), and prints what is in memory on
 * the way. EM_E_CHECK where it grows, or is more than limit_mb (0: any amount). */
bool bench_long (const BenchModel *m, int n_frames, int n_objects, int seconds, int limit_mb,
                 EmError *err);

/* What an H200 needs at least for a frame of this stage, in seconds; 0: not known. */
double bench_floor (const char *word, int image_size, int n_objects, const char *stage);

double bench_clock (void); /* seconds */
