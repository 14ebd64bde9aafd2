import JSON

/// The declaration of one type of value. It reads the value, and gives its canonical form and its JSON Schema.
struct Shape<Value: Sendable>: Sendable {
    /// Reads the value; nil where it could not be read. Every problem is reported.
    let read: @Sendable (SourceNode, inout DocumentReading) -> Value?
    /// The value as written, except for spelling: quotes, order, comments, flow or block style, and the notation of numbers.
    let canonical: @Sendable (SourceNode) -> JSONValue
    let schema: @Sendable () -> JSONValue
    /// For an object: the names of its fields, so that a message about a misplaced field can name the right place.
    let fieldNames: [String]

    init(
        read: @escaping @Sendable (SourceNode, inout DocumentReading) -> Value?,
        canonical: @escaping @Sendable (SourceNode) -> JSONValue,
        schema: @escaping @Sendable () -> JSONValue, fieldNames: [String] = []
    ) {
        self.read = read
        self.canonical = canonical
        self.schema = schema
        self.fieldNames = fieldNames
    }

    /// The same notation, read as another type.
    /// - Parameter transform: returns nil after it has reported a problem.
    func map<Other>(
        _ transform: @escaping @Sendable (Value, SourceNode, inout DocumentReading) -> Other?
    ) -> Shape<Other> {
        Shape<Other>(
            read: { node, reading in
                guard let value = read(node, &reading) else { return nil }
                return transform(value, node, &reading)
            }, canonical: canonical, schema: schema, fieldNames: fieldNames)
    }

    /// Adds keywords to the JSON Schema.
    func schema(adding keywords: [String: JSONValue]) -> Shape {
        Shape(
            read: read, canonical: canonical,
            schema: { [schema] in schema().merging(keywords) }, fieldNames: fieldNames)
    }
}

extension Shape {
    /// A list of values of one shape.
    static func list<Element>(_ element: Shape<Element>, count: ClosedRange<Int> = 0...500) -> Shape
    where Value == [Element] {
        Shape(
            read: { node, reading in
                if node.isNull && count.lowerBound == 0 { return [] }
                guard case .sequence(let items) = node.content else {
                    reading.report("must be a list, not \(node.shownInMessages)", at: node.place)
                    return nil
                }
                guard count.contains(items.count) else {
                    let wanted =
                        items.count < count.lowerBound
                        ? "at least \(count.lowerBound)" : "at most \(count.upperBound)"
                    reading.report("has \(items.count) entries, but must have \(wanted)", at: node.place)
                    return nil
                }
                var values: [Element] = []
                values.reserveCapacity(items.count)
                for (index, item) in items.enumerated() {
                    reading.enter(.index(index))
                    if let value = element.read(item, &reading) { values.append(value) }
                    reading.leave()
                }
                return values
            },
            canonical: { node in
                guard case .sequence(let items) = node.content else { return .array([]) }
                return .array(items.map(element.canonical))
            },
            schema: {
                var schema: [String: JSONValue] = ["type": "array", "items": element.schema()]
                if count.lowerBound > 0 { schema["minItems"] = .integer(count.lowerBound) }
                schema["maxItems"] = .integer(count.upperBound)
                return .object(schema)
            })
    }

    /// A list, or a single entry without a list.
    static func listOrOne<Element>(of element: Shape<Element>, count: ClosedRange<Int>) -> Shape
    where Value == [Element] {
        let list = Shape.list(element, count: count)
        @Sendable func isOne(_ node: SourceNode) -> Bool {
            if case .mapping = node.content { true } else { false }
        }
        return Shape(
            read: { node, reading in
                isOne(node) ? element.read(node, &reading).map { [$0] } : list.read(node, &reading)
            },
            canonical: { node in isOne(node) ? .array([element.canonical(node)]) : list.canonical(node) },
            schema: { ["anyOf": .array([list.schema(), element.schema()])] })
    }

    /// A mapping with any names as keys.
    static func dictionary<Element>(
        _ element: Shape<Element>, count limit: Int = 200,
        key check: @escaping @Sendable (String) -> String? = { _ in nil }
    ) -> Shape where Value == [String: Element] {
        Shape(
            read: { node, reading in
                guard case .mapping(let entries) = node.content else {
                    reading.report("must be a mapping of names to values, not \(node.shownInMessages)", at: node.place)
                    return nil
                }
                guard entries.count <= limit else {
                    reading.report("has \(entries.count) entries, but must have at most \(limit)", at: node.place)
                    return nil
                }
                var values: [String: Element] = [:]
                for entry in entries {
                    reading.enter(.field(entry.key))
                    if let problem = check(entry.key) { reading.report(problem, at: entry.keyPlace) }
                    if let value = element.read(entry.value, &reading) { values[entry.key] = value }
                    reading.leave()
                }
                return values
            },
            canonical: { node in
                guard case .mapping(let entries) = node.content else { return .object([:]) }
                return .object(Dictionary(entries.map { ($0.key, element.canonical($0.value)) }) { first, _ in first })
            },
            schema: {
                ["type": "object", "maxProperties": .integer(limit), "additionalProperties": element.schema()]
            })
    }
}
