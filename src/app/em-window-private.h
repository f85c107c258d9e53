/* em-window-private.h - the struct that the window_*.c share. */
#pragma once
#include "app/em-object-pane.h"
#include "app/em-prompt-bar.h"
#include "app/em-timeline.h"
#include "app/em-window.h"
#include "app/stage.h"

struct _EmWindow {
  AdwApplicationWindow parent_instance;

  /* Template children. */
  AdwToastOverlay *toasts;
  AdwHeaderBar *header;
  GtkToggleButton *queue_toggle, *objects_toggle;
  AdwSplitButton *suggest_button, *track_button;
  GtkWidget *undo_button, *redo_button, *play_button;
  AdwWindowTitle *title;
  GtkMenuButton *model_button, *jobs_button, *rate_button, *zoom_button;
  GtkLabel *model_text, *banner_text, *hint, *time, *frame_label, *pointer, *saved;
  GtkPopover *model_popover;
  GtkListBox *jobs_list;
  GtkInfoBar *banner;
  GtkStack *pages;
  AdwPreferencesGroup *recent;
  GtkPaned *paned;
  AdwFlap *queue_flap, *objects_flap;
  GtkSearchEntry *search;
  GtkListView *queue;
  EmObjectPane *objects;
  EmViewer *viewer;
  EmPromptBar *prompt_bar;
  EmTimeline *timeline;
  GtkSpinner *busy;
  AdwStatusPage *problem;
  GtkScale *opacity;

  EmEngine *engine;
  GSettings *settings; /* NULL: nothing is remembered */
  EmProject *project;
  EmClip *clip;
  EmStage *stage;
  GCancellable *opening;
  GtkFilterListModel *filtered;
  GtkSingleSelection *selection;
  GPtrArray *recent_rows;
  EmRle clipboard; /* a copied mask */
  gboolean is_muted, has_asked, is_selecting, is_asking_device;
};

/* em-window.c */
void em_window_toast (EmWindow *self, const char *text, const char *action);
void em_window_show_clip (EmWindow *self, EmClip *clip); /* takes over; NULL: none */
void em_window_open_item (EmWindow *self, EmQueueItem *item);
void em_window_step_clip (EmWindow *self, int direction);
/* window_actions.c: classes' actions and keys; what is possible now and why not. */
void em_window_install_actions (GtkWidgetClass *klass);
void em_window_add_keys (EmWindow *self);
void em_window_update_actions (EmWindow *self);
/* window_sentences.c: the same for expressions. */
void em_window_install_sentence_actions (GtkWidgetClass *klass);
void em_window_update_sentences (EmWindow *self, gboolean can_edit);
/* window_open.c: projects in and out. */
void em_window_install_open_actions (GtkWidgetClass *klass);
void em_window_take_project (EmWindow *self, EmProject *project);
void em_window_close_project (EmWindow *self);
void em_window_show_recent (EmWindow *self);
/* window_help.c */
void em_window_install_help_actions (GtkWidgetClass *klass);
/* window_model.c: the model badge. */
void em_window_install_model_actions (GtkWidgetClass *klass);
void em_window_show_model (EmWindow *self);
/* Asks whether to leave the GPU. */
void em_window_device_failed (EmWindow *self, int status, const char *text);
