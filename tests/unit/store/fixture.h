/* fixture.h - a small project in a folder of its own, and shorthands that must not fail. */
#pragma once
#include <glib/gstdio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "store/db_read.h"
#include "store/db_suggest.h"

#define W      12
#define H      9
#define FRAMES 40

typedef struct {
  char *folder, *path;
  EmDb *db;
  int64_t clip;
} Fixture;

void fixture_open (Fixture *f);   /* a project with one indexed clip, open for writing */
void fixture_close (Fixture *f);  /* closes and removes the folder */
void fixture_reopen (Fixture *f); /* what is there after the program ended */

/* The file's own connection, for tests that spoil it. */
void fixture_sql (const char *path, const char *sql);
int64_t fixture_int (const char *path, const char *sql);

/* A mask whose pixels depend on `seed` alone; never empty. */
EmRle some_mask (unsigned seed);
EmRle clip_mask (EmDb *db, int64_t clip, int64_t object,
                 int frame); /* what counts; width 0: none */

int64_t add_clip (EmDb *db, const char *name, int n_frames);
int64_t add_object (Fixture *f);
/* One cell with a new mask as one step; the step. */
int64_t put (Fixture *f, EmStepKind kind, int64_t object, int frame, EmState state, unsigned seed);
/* Cells first..last of a track: state propagated, masks by `seed` + frame. */
EmEdit *track_rows (int64_t object, int first, int last, unsigned seed);
int state_at (Fixture *f, int64_t object, int frame); /* -1: no cell */
int64_t made_at (Fixture *f, int64_t object, int frame);  /* 0: none */

/* What must succeed says why it did not. */
#define MUST(call)                                                                                 \
  do {                                                                                             \
    g_autoptr (GError) must_error = NULL;                                                          \
    GError **error = &must_error;                                                                  \
    if (!(call)) {                                                                                 \
      fprintf (stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #call,                               \
               must_error ? must_error->message : "(no error)");                                   \
      exit (1);                                                                                    \
    }                                                                                              \
  } while (0)
/* What must fail does so with this code and a line that has `words` in it. */
#define MUST_FAIL(call, code_, words)                                                              \
  do {                                                                                             \
    g_autoptr (GError) fail_error = NULL;                                                          \
    GError **error = &fail_error;                                                                  \
    CHECK (!(call));                                                                               \
    CHECK (fail_error && fail_error->domain == EM_STORE_ERROR);                                    \
    CHECK_INT (fail_error ? fail_error->code : -1, code_);                                         \
    CHECK (fail_error &&strstr (fail_error->message, words));                                      \
    CHECK (fail_error && !strchr (fail_error->message, '\n'));                                     \
  } while (0)
