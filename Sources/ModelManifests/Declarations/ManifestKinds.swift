/// The kinds of manifests.
package enum ManifestKind: String, CaseIterable, Hashable, Sendable {
    case modelDeployment = "ModelDeployment"
    case servingRuntime = "ServingRuntime"
    case gateTemplate = "GateTemplate"
    case predictionProfile = "PredictionProfile"
}

/// `metadata` as written.
struct WrittenMetadata: Sendable {
    /// Empty where the name is missing or wrong.
    var name = ""
    var namespace = "default"
    var labels: [String: String] = [:]

    /// Nil where the name could not be read.
    var key: DeploymentKey? { name.isEmpty ? nil : DeploymentKey(namespace: namespace, name: name) }
}

/// A whole document as written.
struct WrittenManifest<Spec: Sendable>: Sendable {
    var metadata = WrittenMetadata()
    var spec: Spec
}

/// The fields of whole documents.
enum ManifestFields {
    static let group = "mlctl.dev"
    static let apiVersion = "mlctl.dev/v1alpha1"

    static let modelDeployment = document(
        .modelDeployment, spec: DeploymentFields.spec, initial: WrittenDeployment(), summary: "The desired state."
    ) { manifest, node, reading in
        ClusterRules.checkMetadata(manifest, node, &reading)
    }
    static let servingRuntime = document(
        .servingRuntime, spec: RuntimeFields.servingRuntime, initial: Runtime(command: []),
        summary: "The fields that ModelDeployments use by this name.")
    static let gateTemplate = document(
        .gateTemplate, spec: GateFields.template, initial: nil,
        summary: "The gate that ModelDeployments use by this name.")
    static let predictionProfile = document(
        .predictionProfile, spec: PredictionGateFields.profile,
        initial: PredictionProfile(buckets: .edges([]), counts: []),
        summary: "The reference distribution that drift is measured from.")

    private static func document<Spec>(
        _ kind: ManifestKind, spec: Shape<Spec>, initial: Spec, summary: String,
        check: @escaping @Sendable (WrittenManifest<Spec>, SourceNode, inout DocumentReading) -> Void = { _, _, _ in }
    ) -> Shape<WrittenManifest<Spec>> {
        .object(
            WrittenManifest(spec: initial),
            fields: [
                Field(
                    "apiVersion", .choice(of: "apiVersion", available: [apiVersion], later: []),
                    "The API group and version.",
                    isRequired: true
                ) { _, _ in },
                Field(
                    "kind", .choice(of: "kind", available: [kind.rawValue], later: []), "The kind of the manifest.",
                    isRequired: true
                ) {
                    _, _ in
                },
                Field("metadata", metadata, "Its name, namespace, labels and annotations.", isRequired: true) {
                    $0.metadata = $1
                },
                Field("spec", spec, summary, isRequired: true) { $0.spec = $1 },
            ], check: { manifest, node, reading in check(manifest, node, &reading) })
    }

    private static let metadata = Shape<WrittenMetadata>.object(
        WrittenMetadata(),
        fields: [
            Field("name", .dnsLabel, "Its name: lower-case letters, digits and '-'.", isRequired: true) {
                $0.name = $1
            },
            Field("namespace", .dnsLabel, "Its namespace. Default: default.") { $0.namespace = $1 },
            Field("labels", .dictionary(.text(canBeEmpty: true)), "Labels to select by. You choose them.") {
                $0.labels = $1
            },
            Field(
                "annotations", .dictionary(.text(atMost: 65_536, canBeEmpty: true)),
                "Annotations for other tools. You choose them."
            ) {
                _, _ in
            },
        ])
}
