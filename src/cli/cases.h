/* cases.h - what evaluate goes through: clips with a truth, perhaps with stored masks.
 *
 * The truth is a folder tree (truth.h) or a project, what is judged a project, a folder of clips or
 * nothing at all: then the clips lie beside the truth. Clips are matched by name. */
#pragma once
#include "cli/truth.h"
#include "store/db_read.h"

typedef struct {
  char *name, *slice;
  char *media;            /* NULL: there is none */
  EmTruthClip *folder;    /* the truth, if it is a tree */
  int64_t truth, project; /* clips of the two projects; 0: not there */
} EmCase;

typedef struct {
  EmDb *truth, *project; /* NULL: none */
  GPtrArray *tree;       /* of EmTruthClip; NULL if the truth is a project */
  GPtrArray *items;      /* of EmCase, by name */
  double grid_phase;     /* of the judged project, else of the true one, else half a second */
} EmCases;

/* `subject` (may be NULL) is a project file or a folder of clips; `clips` (may be NULL) a folder
 * that comes before both. Projects are opened for reading, which takes no lock. */
bool em_cases_open (EmCases *c, const char *subject, const char *truth, const char *clips,
                    EmError *err);
void em_cases_close (EmCases *c);

EmTracks *em_case_truth (const EmCases *c, const EmCase *item, EmError *err);
/* What the project holds, every state; EM_E_INPUT where it has no such clip. */
EmTracks *em_case_stored (const EmCases *c, const EmCase *item, EmError *err);
