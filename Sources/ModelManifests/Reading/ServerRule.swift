import JSON

/// What the API server is to check beside the schema: an expression of CEL over `self`, and what is said where it is false.
///
/// It says what a shape's own `check` says, as far as CEL can. Source: the Kubernetes documentation, "Validation rules"; each
/// expression's worst cost is estimated from the bounds of the lists and texts that it walks, so those need bounds.
struct ServerRule: Hashable, Sendable {
    let expression: String
    let message: String

    init(_ expression: String, _ message: String) {
        self.expression = expression
        self.message = message
    }

    /// Where a schema keeps its rules.
    static let keyword = "x-kubernetes-validations"
    /// Where a schema keeps what stands in its place for the API server, whose schemas have one type at every place.
    static let structuralKeyword = "x-mlctl-structural"

    var json: JSONValue { ["rule": .string(expression), "message": .string(message)] }
}

extension Shape {
    /// With rules for the API server, after those that there are.
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
