/* csv.h - tables with a header line, a comma between fields.
 *
 * A field in quotes may hold commas, and quotes as pairs; no field holds a line end. Reading checks
 * the header and the number of fields of every line; a message names file and line. */
#pragma once
#include <stdint.h>
#include <stdio.h>
#include "base/error.h"

typedef struct {
  char *path;
  int n_rows, n_columns;
  char *text;   /* of the file, cut into cells in place */
  char **cells; /* n_rows x n_columns */
  int *lines;   /* of each row, counted from 1 */
} EmCsv;

/* EM_E_INPUT if the file cannot be read, does not begin with `header` or is torn somewhere. */
bool em_csv_read (EmCsv *csv, const char *path, const char *header, EmError *err);
void em_csv_clear (EmCsv *csv); /* the zero value is fine */

const char *em_csv_cell (const EmCsv *csv, int row, int column);
/* False with *err unless the cell is a whole number in [low, high]. */
bool em_csv_int (const EmCsv *csv, int row, int column, int64_t low, int64_t high, int64_t *out,
                 EmError *err);

/* One field, quoted where it has to be; a line end in it becomes a blank. */
void em_csv_put (FILE *out, const char *text);
