/* em-project-private.h - shared by em-project.c and project_index.c. */
#pragma once
#include "service/em-project.h"

G_BEGIN_DECLS

struct _EmProject {
  GObject parent_instance;
  EmStore *store;
  EmEngine *engine;
  char *path, *name, *folder;
  double grid_phase;
  GListStore *clips, *jobs;
  GCancellable *cancellable;
  bool is_closed;
  bool is_indexing;
  GQueue thumbnails; /* EmQueueItem, newest first */
  bool is_drawing;
};

/* project_index.c */
void em_project_index_next (EmProject *self);
/* The file of a clip, now: relative to the project, else the hint. (transfer full) */
char *em_project_media_path (EmProject *self, const EmDbClip *row);

G_END_DECLS
