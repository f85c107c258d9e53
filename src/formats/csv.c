/* csv.c - tables with a header line, a comma between fields. */
#include "formats/csv.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MOST_BYTES (256l << 20)

static char *
read_text (const char *path, EmError *err)
{
  FILE *file = fopen (path, "rb");
  char *text = NULL;
  long size;

  if (!file) {
    em_fail (err, EM_E_INPUT, "cannot open %s: %s", path, strerror (errno));
    return NULL;
  }
  if (fseek (file, 0, SEEK_END) != 0 || (size = ftell (file)) < 0 || size > MOST_BYTES
      || fseek (file, 0, SEEK_SET) != 0 || !(text = malloc ((size_t) size + 1))
      || fread (text, 1, (size_t) size, file) != (size_t) size || memchr (text, 0, (size_t) size)) {
    em_fail (err, EM_E_INPUT, "cannot read %s: it is not a text of at most %ld MiB", path,
             MOST_BYTES >> 20);
    free (text);
    text = NULL;
  } else {
    text[size] = 0;
  }
  fclose (file);
  return text;
}

/* Ends the line at *rest and moves *rest behind it; NULL at the end of the text. */
static char *
next_line (char **rest)
{
  char *line = *rest;
  size_t n = strcspn (line, "\n");

  if (!*line)
    return NULL;
  *rest = line + n + (line[n] == '\n');
  line[n] = 0;
  if (n && line[n - 1] == '\r')
    line[n - 1] = 0;
  return line;
}

/* Cuts a line into at most `room` cells and says how many it has. Quotes go, in place. */
static int
cut_line (char *line, char **cells, int room)
{
  bool quoted = false;
  char *to = line;
  int n = 0;

  cells[n++] = to;
  for (char *from = line; *from; from++)
    if (quoted && from[0] == '"' && from[1] == '"') {
      *to++ = *from++;
    } else if (*from == '"') {
      quoted = !quoted;
    } else if (*from == ',' && !quoted) {
      *to++ = 0;
      if (n < room)
        cells[n] = to;
      n++;
    } else {
      *to++ = *from;
    }
  *to = 0;
  return n;
}

bool
em_csv_read (EmCsv *csv, const char *path, const char *header, EmError *err)
{
  char *rest, *line;
  int room = 0;

  *csv = (EmCsv){ .path = strdup (path), .text = read_text (path, err), .n_columns = 1 };
  EM_BUG_UNLESS (csv->path);
  if (!csv->text)
    return false;
  for (const char *c = header; *c; c++)
    csv->n_columns += *c == ',';
  rest = csv->text;
  line = next_line (&rest);
  if (!line || strcmp (line, header) != 0)
    return em_fail (err, EM_E_INPUT, "%s begins with \"%.60s\", expected \"%s\"", path,
                    line ? line : "", header);
  for (int number = 2; (line = next_line (&rest)); number++) {
    if (!*line)
      continue;
    if (csv->n_rows == room) {
      room = room ? 2 * room : 64;
      csv->lines = realloc (csv->lines, (size_t) room * sizeof *csv->lines);
      csv->cells
          = realloc (csv->cells, (size_t) room * (size_t) csv->n_columns * sizeof *csv->cells);
      EM_BUG_UNLESS (csv->lines && csv->cells);
    }
    csv->lines[csv->n_rows] = number;
    if (cut_line (line, csv->cells + csv->n_rows * csv->n_columns, csv->n_columns)
        != csv->n_columns)
      return em_fail (err, EM_E_INPUT, "%s, line %d: expected %d fields", path, number,
                      csv->n_columns);
    csv->n_rows++;
  }
  return true;
}

void
em_csv_clear (EmCsv *csv)
{
  free (csv->path);
  free (csv->text);
  free (csv->cells);
  free (csv->lines);
  *csv = (EmCsv){ 0 };
}

const char *
em_csv_cell (const EmCsv *csv, int row, int column)
{
  EM_BUG_UNLESS (row >= 0 && row < csv->n_rows && column >= 0 && column < csv->n_columns);
  return csv->cells[row * csv->n_columns + column];
}

bool
em_csv_int (const EmCsv *csv, int row, int column, int64_t low, int64_t high, int64_t *out,
            EmError *err)
{
  const char *text = em_csv_cell (csv, row, column);
  char *end;

  errno = 0;
  *out = strtoll (text, &end, 10);
  return (end != text && !*end && !errno && *out >= low && *out <= high)
         || em_fail (err, EM_E_INPUT, "%s, line %d: \"%.40s\" is not a number that can stand there",
                     csv->path, csv->lines[row], text);
}

void
em_csv_put (FILE *out, const char *text)
{
  bool quoted = strpbrk (text, ",\"") != NULL;

  if (quoted)
    fputc ('"', out);
  for (; *text; text++) {
    if (*text == '"')
      fputc ('"', out);
    fputc (*text == '\n' || *text == '\r' ? ' ' : *text, out);
  }
  if (quoted)
    fputc ('"', out);
}
