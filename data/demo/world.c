#include "world_private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double pi = 3.14159265358979323846;

/* The look of a kind: a shape, a texture and two ranges of colour as hue (turns), saturation and
   value. Sound and look of a kind are both listed by the same index.  */
typedef struct {
  const char *name;
  double hue, saturation, value; /* of the light tone */
  double turn, dim;              /* the dark tone: hue offset and value factor */
} Kind;

enum { BELL, DRUM, FLUTE, BIRD, ENGINE, SIREN };

static const Kind kinds[EM_WORLD_KINDS] = {
  [BELL] = { "bell", 0.13, 0.85, 0.95, -0.04, 0.55 },
  [DRUM] = { "drum", 0.01, 0.80, 0.80, 0.02, 0.40 },
  [FLUTE] = { "flute", 0.56, 0.70, 0.95, 0.06, 0.50 },
  [BIRD] = { "bird", 0.34, 0.75, 0.85, -0.06, 0.45 },
  [ENGINE] = { "engine", 0.60, 0.10, 0.70, 0.05, 0.35 },
  [SIREN] = { "siren", 0.86, 0.65, 0.95, -0.08, 0.50 },
};

/* Streams of random numbers; those of an object are offset by 100 times its index. */
enum { LAYOUT = 1, SCHEDULE, BACKGROUND, NOISE_A, NOISE_B, OBJECT = 1000 };

static uint64_t
mix (uint64_t z)
{
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

double
em_world_random (uint64_t seed, uint64_t stream, uint64_t index)
{
  uint64_t z = mix (seed + 0x9E3779B97F4A7C15u) + stream * 0xD1B54A32D192ED03u;
  z = mix (z + (index + 1) * 0x9E3779B97F4A7C15u);
  return (double) (z >> 11) * 0x1p-53;
}

/* A cursor over one stream, for the places where order is all that counts. */
typedef struct {
  uint64_t seed, stream, index;
} Dice;

static double
between (Dice *dice, double low, double high)
{
  return low + (high - low) * em_world_random (dice->seed, dice->stream, dice->index++);
}

static int
below (Dice *dice, int n)
{
  return (int) between (dice, 0, n);
}

static double
clamp01 (double x)
{
  return x < 0 ? 0 : x > 1 ? 1 : x;
}

static void
hsv_to_rgb (double hue, double saturation, double value, double rgb[3])
{
  hue -= floor (hue);
  for (int i = 0; i < 3; i++) {
    double k = fmod ((double[]){ 5, 3, 1 }[i] + hue * 6, 6);
    double ramp = fmax (0, fmin (1, fmin (k, 4 - k)));
    rgb[i] = value * (1 - saturation * ramp);
  }
}

double
em_world_path_at (const EmWorldPath *path, double time)
{
  double phase = path->speed * time + path->phase;
  double s = path->bounce ? asin (sin (phase)) * 2 / pi : sin (phase);
  return path->centre + path->reach * s;
}

/* A path that keeps [low, high]; it covers at least part of it, at most `fastest` pixels a second
   in the middle.  */
static EmWorldPath
make_path (Dice *dice, double low, double high, double fastest)
{
  double span = (high - low) / 2;
  double reach = span * between (dice, 0.25, 1);
  double centre = (low + high) / 2 + (span - reach) * between (dice, -1, 1);
  double speed = between (dice, 0.25, 1) * fastest / fmax (reach, 12);
  return (EmWorldPath){ centre, reach, speed, between (dice, 0, 2 * pi), below (dice, 3) == 0 };
}

static void
make_look (EmWorldObject *object, Dice *dice)
{
  const Kind *kind = &kinds[object->kind];
  double hue = kind->hue + between (dice, -0.03, 0.03);
  double saturation = clamp01 (kind->saturation + between (dice, -0.1, 0.1));
  double value = clamp01 (kind->value + between (dice, -0.12, 0.05));
  hsv_to_rgb (hue, saturation, value, object->light);
  hsv_to_rgb (hue + kind->turn, saturation, value * (kind->dim + between (dice, -0.1, 0.1)),
              object->dark);
  object->grain = between (dice, 0.8, 1.25);
  object->angle = between (dice, 0, 2 * pi);
  object->spin = between (dice, -0.8, 0.8);
  object->pitch = exp2 (between (dice, -0.2, 0.2));
  object->beat = between (dice, 0.85, 1.15);
}

static void
make_object (EmWorldObject *object, Dice *dice, double left, double right)
{
  make_look (object, dice);
  object->radius = between (dice, 19, 42);
  double r = object->radius;
  object->x = make_path (dice, left + r, right - r, 45);
  object->y = make_path (dice, r, EM_WORLD_SIDE - r, 45);
}

static void
sound_from (EmWorldObject *object, double start, double end)
{
  if (object->intervals > 0 && object->interval[object->intervals - 1].end >= start - 1e-9)
    object->interval[object->intervals - 1].end = end;
  else
    object->interval[object->intervals++] = (EmWorldInterval){ start, end };
}

/* Cuts the ten seconds into runs of one to three seconds and says who sounds in each: mostly one
   object, sometimes two, sometimes nobody. The edges are whole seconds give or take a tenth.  */
static void
make_schedule (EmWorld *world, int sounders, const int *who)
{
  Dice dice = { world->seed, SCHEDULE, 0 };
  int turn = below (&dice, sounders), second = 0;
  double start = 0;
  while (second < EM_WORLD_SECONDS) {
    second += 1 + below (&dice, 3);
    if (second > EM_WORLD_SECONDS)
      second = EM_WORLD_SECONDS;
    double end = second == EM_WORLD_SECONDS ? second : second + between (&dice, -0.1, 0.1);
    double state = between (&dice, 0, 1);
    if (state > 0.25) {
      sound_from (&world->object[who[turn % sounders]], start, end);
      if (state > 0.78 && sounders > 1)
        sound_from (&world->object[who[(turn + 1) % sounders]], start, end);
      turn += 1 + below (&dice, 2);
    }
    start = end;
  }
  EmWorldObject *first = &world->object[who[0]];
  if (first->intervals == 0) {
    bool anyone = false;
    for (int i = 1; i < sounders; i++)
      anyone |= world->object[who[i]].intervals > 0;
    if (!anyone)
      sound_from (first, 3, 6);
  }
}

/* Smooth noise on a square lattice, two octaves deep. */
static double
lattice (const EmWorld *world, uint64_t salt, double x, double y)
{
  double sum = 0;
  for (int octave = 0; octave < 2; octave++) {
    double fx = floor (x), fy = floor (y), u = x - fx, v = y - fy;
    u = u * u * (3 - 2 * u);
    v = v * v * (3 - 2 * v);
    double corner[4];
    for (int i = 0; i < 4; i++) {
      uint64_t at = (uint64_t) (int64_t) (fx + (i & 1)) * 8191
                    + (uint64_t) (int64_t) (fy + (i >> 1)) + salt * 1000003
                    + (uint64_t) octave * 77777777;
      corner[i] = em_world_random (world->seed, BACKGROUND + 100, at);
    }
    double top = corner[0] + (corner[1] - corner[0]) * u;
    double bottom = corner[2] + (corner[3] - corner[2]) * u;
    sum += (top + (bottom - top) * v) * (octave ? 0.35 : 0.65);
    x *= 2.7;
    y *= 2.7;
  }
  return sum;
}

static void
paint_background (EmWorld *world)
{
  Dice dice = { world->seed, BACKGROUND, 0 };
  double tone[2][3];
  for (int i = 0; i < 2; i++) {
    double hue = between (&dice, 0, 1), saturation = between (&dice, 0.05, 0.4);
    hsv_to_rgb (hue, saturation, between (&dice, 0.15, 0.85), tone[i]);
  }
  double scale = between (&dice, 0.01, 0.06), stretch = between (&dice, 0.4, 2.5);
  double angle = between (&dice, 0, pi), c = cos (angle), s = sin (angle);
  int style = below (&dice, 4);
  double period = between (&dice, 14, 50);
  for (int y = 0; y < EM_WORLD_SIDE; y++)
    for (int x = 0; x < EM_WORLD_SIDE; x++) {
      double u = c * x + s * y, v = c * y - s * x;
      double t = lattice (world, 1, u * scale, v * scale * stretch);
      if (style == 1) /* planks */
        t = 0.6 * t + 0.4 * (0.5 + 0.5 * sin (2 * pi * u / period));
      else if (style == 2) /* tiles */
        t = 0.7 * t + 0.3 * (((int) floor (u / period) + (int) floor (v / period)) & 1);
      else if (style == 3) /* a slope of light */
        t = 0.5 * t + 0.5 * clamp01 ((double) y / EM_WORLD_SIDE);
      double fine = 0.06 * (lattice (world, 2, x * 0.35, y * 0.35) - 0.5);
      uint8_t *pixel = &world->background[(y * EM_WORLD_SIDE + x) * 3];
      for (int i = 0; i < 3; i++) {
        double value = tone[0][i] + (tone[1][i] - tone[0][i]) * clamp01 (t) + fine;
        pixel[i] = (uint8_t) (255 * clamp01 (value) + 0.5);
      }
    }
}

EmWorld *
em_world_new (uint64_t seed, EmWorldSlice slice)
{
  EmWorld *world = calloc (1, sizeof *world);
  if (!world)
    return NULL;
  world->seed = seed;

  Dice dice = { seed, LAYOUT, 0 };
  int order[EM_WORLD_KINDS];
  for (int i = 0; i < EM_WORLD_KINDS; i++)
    order[i] = i;
  for (int i = EM_WORLD_KINDS - 1; i > 0; i--) {
    int j = below (&dice, i + 1), kept = order[i];
    order[i] = order[j];
    order[j] = kept;
  }
  world->objects = 2 + below (&dice, EM_WORLD_MAX_OBJECTS - 1);
  world->ambient = below (&dice, 5) < 2 ? between (&dice, 0.001, 0.006) : 0;
  for (int i = 0; i < world->objects; i++) {
    Dice own = { seed, OBJECT + 100 * (uint64_t) i, 0 };
    world->object[i].kind = order[i];
    make_object (&world->object[i], &own, 0, EM_WORLD_SIDE);
  }

  int who[EM_WORLD_MAX_OBJECTS] = { 0 }, sounders = 0;
  if (slice == EM_WORLD_TWINS) {
    /* The last two, so that nothing hides them: a copy of the look, another place. */
    EmWorldObject *a = &world->object[world->objects - 1], *b = a - 1;
    Dice left = { seed, OBJECT + 5000, 0 }, right = { seed, OBJECT + 6000, 0 }, shared = left;
    shared.stream = OBJECT + 7000;
    b->kind = a->kind;
    make_object (b, &left, 0, 112);
    make_object (a, &right, 144, EM_WORLD_SIDE);
    Dice again = shared;
    make_look (a, &shared);
    make_look (b, &again);
    who[sounders++] = world->objects - 1 - below (&dice, 2);
  } else {
    sounders = 1 + below (&dice, world->objects > 3 ? 3 : world->objects);
    if (sounders == 1 && below (&dice, 2))
      sounders = 2;
    /* Who sounds has nothing to do with who is in front. */
    int first = below (&dice, world->objects);
    for (int i = 0; i < sounders; i++)
      who[i] = (first + i) % world->objects;
  }
  make_schedule (world, sounders, who);
  paint_background (world);
  return world;
}

void
em_world_free (EmWorld *world)
{
  free (world);
}

int
em_world_object_count (const EmWorld *world)
{
  return world->objects;
}

int
em_world_object_kind (const EmWorld *world, int object)
{
  return world->object[object].kind;
}

uint32_t
em_world_object_color (const EmWorld *world, int object)
{
  const EmWorldObject *o = &world->object[object];
  uint32_t color = 0;
  for (int i = 0; i < 3; i++)
    color = color << 8 | (uint32_t) (255 * clamp01 ((o->light[i] + o->dark[i]) / 2) + 0.5);
  return color;
}

const char *
em_world_kind_name (int kind)
{
  return kinds[kind].name;
}

int
em_world_intervals (const EmWorld *world, int object, EmWorldInterval *intervals)
{
  const EmWorldObject *o = &world->object[object];
  memcpy (intervals, o->interval, (size_t) o->intervals * sizeof *intervals);
  return o->intervals;
}

void
em_world_place (const EmWorld *world, int object, double time, double *x, double *y)
{
  *x = em_world_path_at (&world->object[object].x, time);
  *y = em_world_path_at (&world->object[object].y, time);
}

double
em_world_radius (const EmWorld *world, int object)
{
  return world->object[object].radius;
}

/* Signed distance to the outline in units of the radius, negative inside. */
static double
outline (int kind, double u, double v)
{
  double au = fabs (u), av = fabs (v), rho = hypot (u, v);
  switch (kind) {
  case DRUM: /* square */
    return fmax (au, av) - 0.82;
  case FLUTE: /* long capsule */
    return hypot (fmax (au - 0.52, 0), v) - 0.46;
  case BIRD: /* triangle */
    return fmax (au * 0.8660254 + v * 0.5, -v) - 0.5;
  case ENGINE: /* cog */
    return rho - 0.84 - 0.15 * clamp01 (0.5 + 2.5 * sin (8 * atan2 (v, u)));
  case SIREN: /* plus sign */
    return fmin (fmax (au - 0.98, av - 0.4), fmax (av - 0.98, au - 0.4));
  default: /* disk */
    return rho - 0.95;
  }
}

/* How much of the dark tone, 0..1. */
static double
texture (int kind, double u, double v, double grain)
{
  double f = grain * 2 * pi;
  switch (kind) {
  case DRUM: /* checks */
    return 0.5 - 0.5 * tanh (6 * sin (f * 1.1 * u) * sin (f * 1.1 * v));
  case FLUTE: /* bands */
    return 0.5 + 0.5 * tanh (3 * sin (f * 1.8 * u));
  case BIRD: /* dots */
    return 0.5 + 0.5 * tanh (5 * (cos (f * 1.4 * u) + cos (f * 1.4 * v) - 0.9));
  case ENGINE: /* spokes and hub */
    return hypot (u, v) < 0.3 ? 1 : 0.5 + 0.5 * sin (4 * atan2 (v, u));
  case SIREN: /* slanting stripes */
    return 0.5 + 0.5 * tanh (4 * sin (f * 1.3 * (u + v)));
  default: /* rings */
    return 0.5 + 0.5 * tanh (3 * sin (f * 1.9 * hypot (u, v)));
  }
}

static void
draw_object (const EmWorldObject *object, double time, uint8_t id, uint8_t *rgb, uint8_t *owner)
{
  double r = object->radius, margin = r * 1.05 + 1;
  double cx = em_world_path_at (&object->x, time), cy = em_world_path_at (&object->y, time);
  double angle = object->angle + object->spin * time;
  double c = cos (angle) / r, s = sin (angle) / r;
  int x0 = (int) fmax (0, cx - margin), x1 = (int) fmin (EM_WORLD_SIDE - 1, cx + margin);
  int y0 = (int) fmax (0, cy - margin), y1 = (int) fmin (EM_WORLD_SIDE - 1, cy + margin);
  for (int y = y0; y <= y1; y++)
    for (int x = x0; x <= x1; x++) {
      double dx = x + 0.5 - cx, dy = y + 0.5 - cy;
      double u = c * dx + s * dy, v = c * dy - s * dx;
      double distance = outline (object->kind, u, v) * r;
      if (distance >= 0.5)
        continue;
      double cover = clamp01 (0.5 - distance);
      double t = texture (object->kind, u, v, object->grain);
      double shade = 1.08 - 0.2 * (v * v + u * u) - (distance > -1.6 ? 0.25 : 0);
      int at = y * EM_WORLD_SIDE + x;
      for (int i = 0; i < 3; i++) {
        double value = 255 * clamp01 (shade * (object->light[i] * (1 - t) + object->dark[i] * t));
        rgb[at * 3 + i] = (uint8_t) (rgb[at * 3 + i] * (1 - cover) + value * cover + 0.5);
      }
      if (owner && distance < 0)
        owner[at] = id;
    }
}

void
em_world_draw (const EmWorld *world, double time, uint8_t *rgb, uint8_t *owner)
{
  memcpy (rgb, world->background, sizeof world->background);
  if (owner)
    memset (owner, 0, EM_WORLD_SIDE * EM_WORLD_SIDE);
  for (int i = 0; i < world->objects; i++)
    draw_object (&world->object[i], time, (uint8_t) (i + 1), rgb, owner);
}
