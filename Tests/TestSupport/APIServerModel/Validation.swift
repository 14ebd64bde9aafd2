import Foundation
import JSON
import KubernetesClient
import ModelManifests

/// The 422 refusals that mlctl could meet.
extension APIServerModel {
    func check(_ new: JSONValue, _ write: PendingWrite) throws {
        var causes: [Refusal.Cause] = []
        if write.live == nil {
            guard !write.key.name.isEmpty else {
                throw Refusal.invalid(
                    write.type, "", [.required("metadata.name", "name or generateName is required")])
            }
            causes += ObjectNames.causes(write.key.name, asLabel: write.type.namesAreLabels)
        }
        causes += ObjectNames.labelCauses(new)
        causes += Self.finalizerCauses(new, write.live)
        if write.type.resource == .deployments { causes += Self.deploymentCauses(new, write.live?.json) }
        if write.type.resource == .jobs { causes += Self.jobCauses(new, write.live?.json) }
        if write.type.resource == .services { causes += Self.serviceCauses(new) }
        if [.configMaps, .secrets].contains(write.type.resource) { causes += Self.dataCauses(new) }
        if let schema = write.type.openAPI { causes += StructuralSchema.causes(new, schema) }
        if !causes.isEmpty { throw Refusal.invalid(write.type, write.key.name, causes) }
    }

    private static func finalizerCauses(_ new: JSONValue, _ live: StoredObject?) -> [Refusal.Cause] {
        guard let live, live.isBeingDeleted else { return [] }
        let added = (new.value(at: "metadata", "finalizers")?.items ?? []).compactMap(\.text)
            .filter { !live.finalizers.contains($0) }
        guard !added.isEmpty else { return [] }
        let names = added.map { "\"\($0)\"" }.joined(separator: ", ")
        return [
            .forbidden(
                "metadata.finalizers",
                "no new finalizers can be added if the object is being deleted, found new finalizers []string{\(names)}"
            )
        ]
    }

    private static func deploymentCauses(_ new: JSONValue, _ live: JSONValue?) -> [Refusal.Cause] {
        var causes: [Refusal.Cause] = []
        let selector = new.value(at: "spec", "selector")
        let labels = new.value(at: "spec", "template", "metadata", "labels")
        if selector == nil { causes.append(.required("spec.selector")) }
        let wanted = selector?[field: "matchLabels"]?.fields ?? [:]
        if selector == nil || !wanted.allSatisfy({ labels?[field: $0.key] == $0.value }) {
            let text = String(decoding: (labels ?? .null).data, as: UTF8.self)
            causes.append(
                .invalid("spec.template.metadata.labels", "\(text): `selector` does not match template `labels`"))
        }
        let containers = new.value(at: "spec", "template", "spec", "containers")?.items ?? []
        if containers.isEmpty { causes.append(.required("spec.template.spec.containers")) }
        for (index, container) in containers.enumerated() where (container[field: "image"]?.text ?? "").isEmpty {
            causes.append(.required("spec.template.spec.containers[\(index)].image"))
        }
        if let live, let selector, live.value(at: "spec", "selector") != selector {
            let text = String(decoding: selector.data, as: UTF8.self)
            causes.append(.invalid("spec.selector", "\(text): field is immutable"))
        }
        return causes
    }

    private static func serviceCauses(_ new: JSONValue) -> [Refusal.Cause] {
        let isHeadless = new.value(at: "spec", "clusterIP") == "None"
        let ports = new.value(at: "spec", "ports")?.items ?? []
        if ports.isEmpty, !isHeadless { return [.required("spec.ports")] }
        guard ports.count > 1 else { return [] }
        return ports.enumerated().filter { $0.element[field: "name"] == nil }
            .map { .required("spec.ports[\($0.offset)].name") }
    }

    /// A mebibyte.
    static let largestDataBytes = 1_024 * 1_024

    private static func dataCauses(_ new: JSONValue) -> [Refusal.Cause] {
        let size = ["data", "binaryData"].flatMap { (new[field: $0]?.fields ?? [:]).values }
            .reduce(0) { $0 + ($1.text?.utf8.count ?? 0) }
        guard size > largestDataBytes else { return [] }
        return [
            Refusal.Cause(
                reason: "FieldValueTooLong", message: "Too long: may not be more than \(largestDataBytes) bytes",
                field: "[]")
        ]
    }

    /// Server-side apply refuses fields that a custom type does not declare; other writes drop them.
    func checkDeclared(_ config: JSONValue, _ write: PendingWrite) throws {
        guard let schema = write.type.openAPI else { return }
        guard let path = StructuralSchema.undeclared(config, schema) else { return }
        let namespace = config.value(at: "metadata", "namespace")?.text ?? ""
        throw Refusal(
            500, nil,
            "failed to create typed patch object (\(namespace)/\(write.key.name); \(write.type.resource.apiVersion), "
                + "Kind=\(write.type.resource.kind)): \(path): field not declared in schema")
    }
}

/// The valid names and labels (RFC 1123).
enum ObjectNames {
    private static let label = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
    private static var subdomain: String { "\(label)(\\.\(label))*" }

    static func causes(_ name: String, asLabel: Bool) -> [Refusal.Cause] {
        let limit = asLabel ? 63 : 253
        if name.utf8.count > limit {
            return [.invalid("metadata.name", "\"\(name)\": must be no more than \(limit) bytes")]
        }
        let parts = asLabel ? [name[...]] : name.split(separator: ".", omittingEmptySubsequences: false)
        if parts.allSatisfy({ isLabel($0) }) { return [] }
        let text =
            asLabel
            ? "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start "
                + "and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
                + "'\(label)')"
            : "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must "
                + "start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
                + "'\(subdomain)')"
        return [.invalid("metadata.name", "\"\(name)\": \(text)")]
    }

    private static func isLabel(_ text: Substring) -> Bool {
        guard let first = text.utf8.first, let last = text.utf8.last, first != 0x2D, last != 0x2D else { return false }
        return text.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D }
    }

    static func labelCauses(_ object: JSONValue) -> [Refusal.Cause] {
        (object.value(at: "metadata", "labels")?.fields ?? [:]).sorted { $0.key < $1.key }.compactMap { _, value in
            guard let text = value.text else { return .invalid("metadata.labels", "must be a string") }
            if text.utf8.count > 63 {
                return .invalid("metadata.labels", "\"\(text)\": must be no more than 63 bytes")
            }
            if text.isEmpty || isLabelValue(text) { return nil }
            return .invalid(
                "metadata.labels",
                "\"\(text)\": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or "
                    + "'.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or "
                    + "'12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')")
        }
    }

    private static func isLabelValue(_ text: String) -> Bool {
        let isPlain: (Character) -> Bool = { $0.isASCII && ($0.isLetter || $0.isNumber) }
        guard let first = text.first, let last = text.last, isPlain(first), isPlain(last) else { return false }
        return text.allSatisfy { isPlain($0) || "-_.".contains($0) }
    }
}
