/// The kinds of manifests.
public enum ManifestKind: String, CaseIterable, Hashable, Sendable {
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
        .modelDeployment, spec: DeploymentFields.spec, initial: WrittenDeployment(), summary: "What is wanted."
    ) { manifest, node, reading in
        ClusterRules.checkMetadata(manifest, node, &reading)
    }
    static let servingRuntime = document(
        .servingRuntime, spec: RuntimeFields.servingRuntime, initial: Runtime(command: []),
        summary: "The fields that ModelDeployments take over by its name.")
    static let gateTemplate = document(
        .gateTemplate, spec: GateFields.template, initial: nil, summary: "What gates take over by its name.")
    static let predictionProfile = document(
        .predictionProfile, spec: PredictionGateFields.profile,
        initial: PredictionProfile(buckets: .edges([]), counts: []), summary: "What drift is measured from.")

    private static func document<Spec>(
        _ kind: ManifestKind, spec: Shape<Spec>, initial: Spec, summary: String,
        check: @escaping @Sendable (WrittenManifest<Spec>, SourceNode, inout DocumentReading) -> Void = { _, _, _ in }
    ) -> Shape<WrittenManifest<Spec>> {
        .object(
            WrittenManifest(spec: initial),
            fields: [
                Field(
                    "apiVersion", .choice(of: "apiVersion", available: [apiVersion], later: []),
                    "Whose document it is.",
                    isRequired: true
                ) { _, _ in },
                Field(
                    "kind", .choice(of: "kind", available: [kind.rawValue], later: []), "What it describes.",
                    isRequired: true
                ) {
                    _, _ in
                },
                Field("metadata", metadata, "What it is called.", isRequired: true) { $0.metadata = $1 },
                Field("spec", spec, summary, isRequired: true) { $0.spec = $1 },
            ], check: { manifest, node, reading in check(manifest, node, &reading) })
    }

    private static let metadata = Shape<WrittenMetadata>.object(
        WrittenMetadata(),
        fields: [
            Field("name", .dnsLabel, "Its name: lower-case letters, digits and '-'.", isRequired: true) {
                $0.name = $1
            },
            Field("namespace", .dnsLabel, "Where the name is looked up; default.") { $0.namespace = $1 },
            Field("labels", .dictionary(.text(canBeEmpty: true)), "For selecting; free.") { $0.labels = $1 },
            Field("annotations", .dictionary(.text(atMost: 65_536, canBeEmpty: true)), "For other tools; free.") {
                _, _ in
            },
        ])
}
