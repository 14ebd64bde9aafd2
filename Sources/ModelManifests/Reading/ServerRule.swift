import JSON

/// A validation rule for the API server, in addition to the schema: a CEL expression over `self`, and the message where it is
/// false.
///
/// It repeats a shape's own `check`, as far as CEL can. Source: the Kubernetes documentation, "Validation rules". The API
/// server estimates the worst cost of an expression from the bounds of its lists and texts, so these need bounds.
struct ServerRule: Hashable, Sendable {
    let expression: String
    let message: String

    init(_ expression: String, _ message: String) {
        self.expression = expression
        self.message = message
    }

    /// The keyword with a schema's rules.
    static let keyword = "x-kubernetes-validations"
    /// The keyword with a replacement schema for the API server, whose schemas have one type at every place.
    static let structuralKeyword = "x-mlctl-structural"

    var json: JSONValue { ["rule": .string(expression), "message": .string(message)] }
}

extension Shape {
    /// Adds rules for the API server after the existing ones.
    func checkedByServer(_ rules: ServerRule...) -> Shape { checkedByServer(rules) }

    func checkedByServer(_ rules: [ServerRule]) -> Shape {
        Shape(
            read: read, canonical: canonical,
            schema: { [schema] in
                guard case .object(var members) = schema() else { return schema() }
                var all: [JSONValue] = []
                if case .array(let own)? = members[ServerRule.keyword] { all = own }
                members[ServerRule.keyword] = .array(all + rules.map(\.json))
                return .object(members)
            }, fieldNames: fieldNames)
    }
}
