/* report.c - scores of many frames as a table. */
#include "metrics/report.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/error.h"

#define LEVEL 0.95
#define SEED  1

typedef struct {
  int measure, slice, clip, class_name; /* numbers of names */
  int frame;
  double j, f;
} Row;

typedef struct {
  int n, room;
  char **text;
} Names;

struct EmReport {
  Names measures, definitions, slices, clips, classes;
  int n, room;
  Row *rows;
};

/* What a table's line is made of. */
typedef struct {
  char label[256];
  int n, n_clips;
  EmInterval j, f;
} Line;

static void *
with_room (void *array, int n, int *room, size_t bytes)
{
  if (n < *room)
    return array;
  *room = *room ? 2 * *room : 16;
  array = realloc (array, (size_t) *room * bytes);
  EM_BUG_UNLESS (array);
  return array;
}

static int
name_find (const Names *names, const char *text)
{
  for (int i = 0; i < names->n; i++)
    if (strcmp (names->text[i], text) == 0)
      return i;
  return -1;
}

static int
name_add (Names *names, const char *text)
{
  names->text = with_room (names->text, names->n, &names->room, sizeof *names->text);
  names->text[names->n] = strdup (text);
  EM_BUG_UNLESS (names->text[names->n]);
  return names->n++;
}

static int
name_number (Names *names, const char *text)
{
  int i = name_find (names, text);

  return i >= 0 ? i : name_add (names, text);
}

static void
names_clear (Names *names)
{
  for (int i = 0; i < names->n; i++)
    free (names->text[i]);
  free (names->text);
}

EmReport *
em_report_new (void)
{
  EmReport *r = calloc (1, sizeof *r);

  EM_BUG_UNLESS (r);
  return r;
}

void
em_report_free (EmReport *r)
{
  if (!r)
    return;
  names_clear (&r->measures);
  names_clear (&r->definitions);
  names_clear (&r->slices);
  names_clear (&r->clips);
  names_clear (&r->classes);
  free (r->rows);
  free (r);
}

void
em_report_measure (EmReport *r, const char *name, const char *definition)
{
  EM_BUG_UNLESS (name_find (&r->measures, name) < 0);
  name_add (&r->measures, name);
  name_add (&r->definitions, definition);
}

void
em_report_add (EmReport *r, const char *measure, const EmSample *s)
{
  int m = name_find (&r->measures, measure);

  EM_BUG_UNLESS (m >= 0);
  r->rows = with_room (r->rows, r->n, &r->room, sizeof *r->rows);
  r->rows[r->n++] = (Row){ m,
                           name_number (&r->slices, s->slice),
                           name_number (&r->clips, s->clip),
                           name_number (&r->classes, s->class_name),
                           s->frame,
                           s->j,
                           s->f };
}

static int
group_of (const Row *row, EmReportBy by)
{
  return by == EM_BY_SLICE ? row->slice : by == EM_BY_CLASS ? row->class_name : row->clip;
}

/* The rows of one measure and group (-1: all) as a line. */
static Line
summarise (const EmReport *r, int measure, EmReportBy by, int group)
{
  size_t room = (size_t) r->n + 1;
  double *j = calloc (room, sizeof *j), *f = calloc (room, sizeof *f);
  int *clip = calloc (room, sizeof *clip), n_f = 0;
  char *seen = calloc ((size_t) r->clips.n + 1, 1);
  Line line = { 0 };

  EM_BUG_UNLESS (j && f && clip && seen);
  for (int i = 0; i < r->n; i++) {
    const Row *row = &r->rows[i];

    if (row->measure != measure || (group >= 0 && group_of (row, by) != group))
      continue;
    line.n_clips += !seen[row->clip];
    seen[row->clip] = 1;
    if (!isnan (row->f))
      f[n_f++] = row->f;
    clip[line.n] = row->clip;
    j[line.n++] = row->j;
  }
  line.j = em_bootstrap_mean (j, clip, line.n, LEVEL, SEED);
  EM_BUG_UNLESS (n_f == 0 || n_f == line.n); /* all samples of a measure are of one sort */
  line.f = em_bootstrap_mean (f, clip, n_f, LEVEL, SEED);
  free (seen);
  free (clip);
  free (f);
  free (j);
  return line;
}

int
em_report_count (const EmReport *r, const char *measure)
{
  int m = name_find (&r->measures, measure), n = 0;

  for (int i = 0; i < r->n; i++)
    n += r->rows[i].measure == m;
  return n;
}

EmInterval
em_report_mean (const EmReport *r, const char *measure, EmInterval *f)
{
  Line line = summarise (r, name_find (&r->measures, measure), EM_BY_SLICE, -1);

  if (f)
    *f = line.f;
  return line.j;
}

double
em_report_worst_j (const EmReport *r)
{
  double worst = NAN;

  for (int m = 0; m < r->measures.n; m++) {
    Line line = summarise (r, m, EM_BY_SLICE, -1);

    if (line.f.n && !(worst <= line.j.mean))
      worst = line.j.mean;
  }
  return worst;
}

static const Names *
groups_of (const EmReport *r, EmReportBy by)
{
  return by == EM_BY_SLICE ? &r->slices : by == EM_BY_CLASS ? &r->classes : &r->clips;
}

/* Calls `tell` for each line of one measure: per group in the order seen, then over all. */
static void
each_line (const EmReport *r, int measure, EmReportBy by,
           void (*tell) (void *self, int measure, const Line *line), void *self)
{
  const Names *groups = groups_of (r, by);
  int n_lines = 0;
  Line line;

  if (by == EM_BY_FRAME) {
    for (int i = 0; i < r->n; i++) {
      const Row *row = &r->rows[i];

      if (row->measure != measure)
        continue;
      line = (Line){ .n = 1,
                     .n_clips = 1,
                     .j = { row->j, row->j, row->j, 1 },
                     .f = { row->f, row->f, row->f, !isnan (row->f) } };
      snprintf (line.label, sizeof line.label, "%s %s frame %d", r->clips.text[row->clip],
                r->classes.text[row->class_name], row->frame);
      tell (self, measure, &line);
    }
    return;
  }
  for (int g = 0; g < groups->n; g++) {
    line = summarise (r, measure, by, g);
    if (!line.n)
      continue;
    snprintf (line.label, sizeof line.label, "%s", groups->text[g]);
    tell (self, measure, &line);
    n_lines++;
  }
  line = summarise (r, measure, by, -1);
  snprintf (line.label, sizeof line.label, "all");
  if (n_lines > 1)
    tell (self, measure, &line);
}

typedef struct {
  const EmReport *report;
  FILE *out;
} Printer;

/* One clip alone says nothing about others. */
static void
print_interval (FILE *out, const Line *line, const EmInterval *v)
{
  if (line->n_clips > 1)
    fprintf (out, " %.3f (%.3f..%.3f) |", v->mean, v->low, v->high);
  else
    fprintf (out, " %.3f |", v->mean);
}

static void
print_line (void *self, int measure, const Line *line)
{
  const Printer *p = self;

  fprintf (p->out, "| %s | %s | %d | %d |", p->report->measures.text[measure],
           line->label[0] ? line->label : "-", line->n_clips, line->n);
  print_interval (p->out, line, &line->j);
  if (line->f.n) {
    print_interval (p->out, line, &line->f);
    fprintf (p->out, " %.3f |\n", (line->j.mean + line->f.mean) / 2);
  } else {
    fputs ("  |  |\n", p->out);
  }
}

void
em_report_print (const EmReport *r, EmReportBy by, FILE *out)
{
  static const char *const words[] = { "slice", "class", "clip", "frame" };
  Printer printer = { r, out };

  fprintf (out,
           "| measure | %s | clips | n | J or share (95 %%) | F (95 %%) | J&F |\n"
           "|---|---|--:|--:|---|---|--:|\n",
           words[by]);
  for (int m = 0; m < r->measures.n; m++)
    each_line (r, m, by, print_line, &printer);
  fputc ('\n', out);
  for (int m = 0; m < r->measures.n; m++)
    if (em_report_count (r, r->measures.text[m]))
      fprintf (out, "- **%s**: %s\n", r->measures.text[m], r->definitions.text[m]);
}

static void
set_interval (json_t *row, const char *name, const EmInterval *v)
{
  char key[32];

  json_object_set_new (row, name, json_real (v->mean));
  snprintf (key, sizeof key, "%s_low", name);
  json_object_set_new (row, key, json_real (v->low));
  snprintf (key, sizeof key, "%s_high", name);
  json_object_set_new (row, key, json_real (v->high));
}

static void
append_line (void *rows, int measure, const Line *line)
{
  json_t *row
      = json_pack ("{s:s, s:i, s:i}", "group", line->label, "clips", line->n_clips, "n", line->n);

  set_interval (row, line->f.n ? "j" : "share", &line->j);
  if (line->f.n) {
    set_interval (row, "f", &line->f);
    json_object_set_new (row, "jf", json_real ((line->j.mean + line->f.mean) / 2));
  }
  json_array_append_new (rows, row);
}

json_t *
em_report_to_json (const EmReport *r, EmReportBy by)
{
  json_t *measures = json_array ();

  for (int m = 0; m < r->measures.n; m++) {
    json_t *rows = json_array ();

    if (!em_report_count (r, r->measures.text[m])) {
      json_decref (rows);
      continue;
    }
    each_line (r, m, by, append_line, rows);
    json_array_append_new (measures,
                           json_pack ("{s:s, s:s, s:o}", "name", r->measures.text[m], "definition",
                                      r->definitions.text[m], "rows", rows));
  }
  return json_pack ("{s:o}", "measures", measures);
}
