/* tseries.h - time series: one value per interval, the last p1 intervals. */
#ifndef BTAOT_TSERIES_H
#define BTAOT_TSERIES_H

#include "output_internal.h"

/* How values of one interval are combined (p2 of the type). */
enum tseries_agg { TSERIES_LAST, TSERIES_AVG, TSERIES_MAX, TSERIES_MIN, TSERIES_SUM };

void tseries_merge(const struct btaot_type *t, uint8_t *sum, const uint8_t *copy);
uint64_t tseries_last_epoch(const struct btaot_type *t, const uint8_t *value);
void tseries_text(struct output *o, struct textbuf *b, const struct btaot_type *t, const uint8_t *value, uint64_t last);
void tseries_json(struct output *o, struct textbuf *b, const struct btaot_type *t, const uint8_t *value, uint64_t last);

#endif
