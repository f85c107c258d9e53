/* report.h - scores of many frames as a table.
 *
 * Samples come one by one, each under the name of what was measured; the report groups them, by
 * slice unless asked otherwise, and gives means with intervals that draw whole clips. A score is
 * either a pair of J and F or one share. Rows come in the order in which measures and groups were
 * first seen. One owner; memory that runs out aborts. */
#pragma once
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include "metrics/bootstrap.h"

typedef struct EmReport EmReport;

typedef struct {
  const char *slice, *clip, *class_name; /* copied; "" if none */
  int frame;
  double j, f; /* f is NAN where there is no contour to compare: j is then a share */
} EmSample;

typedef enum {
  EM_BY_SLICE, /* all groups end with a row over everything if there are several */
  EM_BY_CLASS,
  EM_BY_CLIP,
  EM_BY_FRAME, /* one row per sample */
} EmReportBy;

EmReport *em_report_new (void);
void em_report_free (EmReport *r); /* NULL is fine */

/* Declares a measure and says in one sentence what it is; the order of declaration is that of the
 * rows. `name` is a few words ("sound"). */
void em_report_measure (EmReport *r, const char *name, const char *definition);
void em_report_add (EmReport *r, const char *measure, const EmSample *sample);
int em_report_count (const EmReport *r, const char *measure);
/* Over all samples of the measure. *f (may be NULL) has n 0 for a share. */
EmInterval em_report_mean (const EmReport *r, const char *measure, EmInterval *f);

/* The lowest overall mean of the measures that have a J and an F; NAN if there is none. */
double em_report_worst_j (const EmReport *r);

/* A Markdown table, then the definitions of the measures in it. */
void em_report_print (const EmReport *r, EmReportBy by, FILE *out);
/* {"measures": [{name, definition, rows: [{group, n, clips, j, j_low, j_high, f ..., jf}]}]} */
json_t *em_report_to_json (const EmReport *r, EmReportBy by);
