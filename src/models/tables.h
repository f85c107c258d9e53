/* tables.h - the tables of a model: for model.c alone. */
#pragma once
#include "models/model.h"

/* After the parts are bound; fills the fields that are "made by em_model_open". */
bool em_model_make_tables (EmModel *m, EmError *err);
void em_model_free_tables (EmModel *m);
