/* units_private.h - the insides that units.c and units_file.c share. */
#pragma once
#include "media/units.h"

struct EmUnits {
  gatomicrefcount refs;
  GArray *table;    /* EmUnit */
  GPtrArray *caps;  /* GstCaps */
  GPtrArray *head;  /* GstBuffer: the bytes of the first units, if kept in memory */
  EmFolder *folder; /* of a folder of pictures, else NULL */
  int fd;           /* the file the bytes lie in, or -1 */
  GstVideoOrientationMethod orientation;
  bool has_guesses;
};

EmUnits *em_units_new (void);
/* Settles what is hidden and gives every unit its tag, once the table is complete. */
void em_units_number (EmUnits *u);
