import KubernetesClient
import Testing

@testable import KubernetesServing

@Suite("Packed metadata")
struct PackedMetadataTests {
    private static let whole = ObjectMetadata(
        name: "fraud-scorer-0a1b2c3d4e", namespace: "payments", uid: "1f0c6a52-3f1c-4e0b-9a7e-000000000001",
        resourceVersion: "184467", generation: 7,
        labels: [ObjectLabels.managedBy: "mlctl", ObjectLabels.deployment: "fraud-scorer", ObjectLabels.revision: ""],
        annotations: [
            ObjectAnnotations.applied: "0011223344556677",
            ObjectAnnotations.template: #"{"név": "größer ✓"}"# + String(repeating: "x", count: 20_000),
        ],
        ownerReferences: [
            .modelDeployment(named: "fraud-scorer", uid: "1f0c6a52-3f1c-4e0b-9a7e-000000000002"),
            OwnerReference(
                apiVersion: "v1", kind: "Other", name: "o", uid: "u", controller: false, blockOwnerDeletion: nil),
        ],
        deletionTimestamp: "2026-11-28T12:00:00Z")

    @Test("is read as it was", arguments: [whole, ObjectMetadata(name: ""), ObjectMetadata(name: "a", namespace: "")])
    func roundTrip(_ metadata: ObjectMetadata) {
        #expect(PackedMetadata(metadata).metadata == metadata)
    }

    @Test(
        "texts of every length are kept", arguments: [0, 1, 125, 126, 127, 128, 16_381, 16_382, 16_383, 16_384, 70_000])
    func lengths(_ length: Int) {
        let metadata = ObjectMetadata(
            name: "a", annotations: [ObjectAnnotations.plan: String(repeating: "p", count: length)])
        #expect(PackedMetadata(metadata).metadata == metadata)
    }

    @Test("fields that nobody reads are left out")
    func lean() {
        var metadata = Self.whole
        metadata.labels["app.kubernetes.io/part-of"] = "scoring"
        metadata.annotations["example.com/large"] = String(repeating: "x", count: 100_000)
        metadata.finalizers = ["example.com/hold"]
        metadata.creationTimestamp = "2026-11-28T12:00:00Z"
        #expect(PackedMetadata(metadata).metadata == Self.whole)
    }

    @Test("is equal only if all fields that are read are equal")
    func equality() {
        var other = Self.whole
        #expect(PackedMetadata(other) == PackedMetadata(Self.whole))
        other.uid = nil
        #expect(PackedMetadata(other) != PackedMetadata(Self.whole))
    }
}
