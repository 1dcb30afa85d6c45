"""A table as plain as they come, for the benchmark: ten fields, no references, no validators of its own, no hooks."""
db.define_table(
    "bench_station",
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
