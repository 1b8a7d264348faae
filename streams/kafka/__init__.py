"""The parts of the embedded Apache Kafka: its jars, its Java, its properties."""
