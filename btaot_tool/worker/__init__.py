"""The process that runs LLVM: kept between scripts, replaced when the backend takes it down."""
