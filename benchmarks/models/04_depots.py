"""Four tables as plain as bench_station, none of which refers to another: what several workers may do at the same time."""
for _name in ("bench_depot_1", "bench_depot_2", "bench_depot_3", "bench_depot_4"):
    db.define_table(
        _name,
        Field("name", length=128),
        Field("code", length=32),
        Field("kind", length=32),
        Field("district", length=64),
        Field("phone", length=32),
        Field("beds", "integer"),
        Field("altitude", "double"),
        Field("open", "boolean", default=True),
        Field("opened_on", "date"),
        Field("comments", "text"),
        *meta_fields(),
    )
