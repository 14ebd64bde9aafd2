import Analysis
import Foundation
import KubernetesClient
import ModelManifests
import SafeText

/// What a check printed, fetched from the kubelet through the API server.
///
/// # Guarantees
/// - At most `bytesLimit` are in memory, and `tailBytes` are kept for people.
/// - Values of the Secrets that the check names are redacted. If the controller may not read these Secrets, which is usual,
///   none of the output is shown, only the metrics.
struct CheckLog: Sendable {
    static let tailBytes = 2 << 10
    static let bytesLimit = 1 << 20
    /// A byte limit cuts off the end of a log, which matters most. So fewer lines are requested until they fit.
    static let lineCounts = [500, 20, 1]
    private static let patience = Duration.seconds(10)

    struct Printed: Hashable, Sendable {
        var metrics: [String: Double] = [:]
        var tail = ""
    }

    let api: KubernetesAPI

    /// - Returns: if the log cannot be read, the reason as the tail.
    func printed(by pod: NamespacedName, _ gate: CheckGate) async -> Printed {
        let wanted = Set(gate.metrics.keys)
        do {
            let bytes = try await output(of: pod)
            let secrets = gate.env.compactMap { if case .secret(let name) = $0.value { name } else { nil } }
            guard let redactor = try await redactor(of: secrets, in: pod.namespace) else {
                return Printed(
                    metrics: CheckMetrics.read(bytes[...], isCut: false, wanted: wanted)
                        .filter { wanted.contains($0.key) },
                    tail: Self.withheld(secrets))
            }
            let clean = redactor.redacted(bytes[...])
            return Printed(
                metrics: CheckMetrics.read(clean[...], isCut: false, wanted: wanted), tail: Self.tail(of: clean))
        } catch {
            return Printed(tail: "(its log cannot be read: \((error as? APIError)?.message ?? "\(error)"))")
        }
    }

    private static func withheld(_ secrets: [String]) -> String {
        "(its output is not shown, because it may hold the values of \(secrets.joined(separator: ", ")): give the controller's "
            + "service account the right to get those secrets, and mlctl redacts them)"
    }

    /// Drops the broken character that a cut may leave at the start.
    private static func tail(of bytes: [UInt8]) -> String {
        let end = bytes.suffix(tailBytes)
        return String(decoding: end.count < bytes.count ? end.drop { $0 & 0xC0 == 0x80 } : end, as: UTF8.self)
    }

    /// The last lines, each from its start.
    private func output(of pod: NamespacedName) async throws -> [UInt8] {
        let path = ResourceType.pods.path(namespace: pod.namespace, name: pod.name, subresource: "log")
        var bytes: [UInt8] = []
        for count in Self.lineCounts {
            let request = APIRequest(
                .get, path,
                query: [
                    .init("container", CheckJobRendering.container), .init("tailLines", String(count)),
                    .init("limitBytes", String(Self.bytesLimit)),
                ], accept: "*/*")
            bytes = Array(try await patient.answer(to: request))
            guard bytes.count >= Self.bytesLimit else { break }
        }
        return Array(bytes.prefix(Self.bytesLimit))
    }

    private var patient: KubernetesAPI {
        var patient = api
        patient.timeout = Self.patience
        return patient
    }

    // MARK: - Secrets

    /// - Returns: nil if one of the Secrets cannot be read.
    private func redactor(of secrets: [String], in namespace: String?) async throws -> SecretRedactor? {
        var values: [String] = []
        for name in Set(secrets).sorted() {
            do {
                let found = try await patient.get(StoredSecret.self, NamespacedName(namespace: namespace, name: name))
                values += (found?.data?[PodRendering.secretKey]).map { [String(decoding: $0, as: UTF8.self)] } ?? []
            } catch let error as APIError where error.isRefusal {
                return nil
            }
        }
        return SecretRedactor(values)
    }
}
