/// `spec.replicas` as written: a number, or `external`.
struct WrittenReplicas: Hashable, Sendable {
    var count = 1
    var scaling = Scaling.manifest
}

/// The field `spec.replicas`.
enum ReplicasFields {
    static let shape = Shape<WrittenReplicas>(
        read: { node, reading in
            if node.text == Scaling.external.rawValue { return WrittenReplicas(scaling: .external) }
            if let text = node.text, PlainScalar.integer(text) == nil,
                let meant = DidYouMean.nearest(to: text, among: [Scaling.external.rawValue])
            {
                reading.report(
                    "must be a whole number or 'external', not '\(text.shortened)'", at: node.place,
                    suggestion: "did you mean '\(meant)'?")
                return nil
            }
            return number.read(node, &reading).map { WrittenReplicas(count: $0) }
        },
        canonical: { node in
            node.text == Scaling.external.rawValue ? .string(Scaling.external.rawValue) : number.canonical(node)
        },
        schema: {
            .object([
                "oneOf": [number.schema(), ["enum": [.string(Scaling.external.rawValue)]]],
                ServerRule.structuralKeyword: ["x-kubernetes-int-or-string": true],
            ])
        }
    ).checkedByServer(
        ServerRule(
            "type(self) == int ? self >= 1 && self <= 1000 : self == 'external'",
            "must be a whole number from 1 to 1000, or 'external'"))

    private static let number = Shape<Int>.wholeNumber(1...1000)

    static func check(_ deployment: WrittenDeployment, _ node: SourceNode, _ reading: inout DocumentReading) {
        // A target with a misspelt kind may be meant as a cluster.
        guard deployment.replicas.scaling == .external, deployment.target == .local,
            node["target"]?["kind"].map({ $0.text == WrittenTarget.Kind.local.rawValue }) ?? true
        else { return }
        reading.report(
            "'external' can only be used in a cluster: on one machine only mlctl starts instances", field: "replicas",
            of: node, suggestion: "write a number, or target: {kind: kubernetes}")
    }
}
