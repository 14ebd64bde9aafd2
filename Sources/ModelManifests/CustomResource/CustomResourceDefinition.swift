import JSON

/// The CustomResourceDefinition of ModelDeployment, made from the declarations that read manifests.
package enum CustomResourceDefinition {
    /// The name of the cluster-wide CustomResourceDefinition object.
    package static let name = "\(plural).\(ManifestFields.group)"

    private static let plural = "modeldeployments"

    /// The definition as an `apiextensions.k8s.io/v1` object.
    package static var modelDeployment: JSONValue {
        [
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": ["name": .string(name), "labels": ["app.kubernetes.io/name": "mlctl"]],
            "spec": [
                "group": .string(ManifestFields.group),
                "names": [
                    "kind": .string(ManifestKind.modelDeployment.rawValue),
                    "listKind": .string(ManifestKind.modelDeployment.rawValue + "List"),
                    "plural": .string(plural), "singular": "modeldeployment", "shortNames": ["md", "mdep"],
                    "categories": ["all", "mlctl"],
                ],
                "scope": "Namespaced",
                "versions": [
                    [
                        "name": .string(String(ManifestFields.apiVersion.drop { $0 != "/" }.dropFirst())),
                        "served": true, "storage": true, "subresources": ["status": [:]],
                        "additionalPrinterColumns": .array(columns), "schema": ["openAPIV3Schema": schema],
                    ]
                ],
            ],
        ]
    }

    private static var schema: JSONValue {
        [
            "description": "One model service. mlctl writes what git asks for to spec, and its own record to status.",
            "type": "object", "required": ["spec"],
            "x-kubernetes-validations": .array(DeploymentServerRules.object.map(\.json)),
            "properties": [
                "apiVersion": ["type": "string"], "kind": ["type": "string"], "metadata": ["type": "object"],
                "spec": StructuralSchema.structural(DeploymentFields.spec.schema()).merging([
                    "description": "The desired state, as it is in git."
                ]),
                "status": StatusSchema.schema,
            ],
        ]
    }

    private static var columns: [JSONValue] {
        [
            column("Phase", ".status.phase"),
            column("Version", ".status.stable.version"),
            column("Candidate", ".status.candidate.version"),
            column("Weight", ".status.candidate.weight", type: "integer"),
            column("Ready", #".status.conditions[?(@.type=="Ready")].status"#),
            column("Age", ".metadata.creationTimestamp", type: "date"),
            column("Step", ".status.step.description", isWide: true),
            column("Revision", ".status.stable.revision", isWide: true),
            column("Endpoint", ".status.endpoint", isWide: true),
            column("Commit", ".status.commit", isWide: true),
            column("Message", ".status.message", isWide: true),
        ]
    }

    /// - Parameter isWide: only `kubectl get -o wide` shows the column.
    private static func column(
        _ name: String, _ path: String, type: String = "string", isWide: Bool = false
    ) -> JSONValue {
        let column: JSONValue = ["name": .string(name), "type": .string(type), "jsonPath": .string(path)]
        return isWide ? column.merging(["priority": 1]) : column
    }
}
