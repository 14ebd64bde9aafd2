import Glibc
import Serving

/// One instance's folder.
struct InstanceFolder: Hashable, Sendable {
    let path: String

    var id: String { String(path[(path.lastIndex(of: "/").map(path.index(after:)) ?? path.startIndex)...]) }

    /// The journal: written before the start.
    var spec: String { "\(path)/spec.json" }
    /// Written by the keeper, on every change.
    var status: String { "\(path)/status.json" }
    /// Held by the keeper while it lives.
    var lock: String { "\(path)/lock" }
    /// The wish that the instance ends. It stays: a keeper that starts later finds it.
    var stop: String { "\(path)/stop" }
    /// Written by the controller when the instance leaves: no new requests from then on, and no way back.
    var leaving: String { "\(path)/leaving.json" }
    /// A byte in here makes the keeper look.
    var bell: String { "\(path)/bell" }
    var logs: String { "\(path)/logs" }
    var serverLog: String { "\(logs)/server.log" }
    var keeperLog: String { "\(logs)/keeper.log" }
    /// The server's stdout and stderr. A named pipe that the server itself opens for reading too: when the keeper is
    /// killed, the server's writes do not fail, and the next keeper reads on.
    var logPipe: String { "\(logs)/pipe" }
    /// Its own copy of the model's files, where the machine lets nobody mount.
    var model: String { "\(path)/model" }
    /// The working folder of a model without files.
    var work: String { "\(path)/work" }

    /// Asks the instance to end. Idempotent; it outlives a crash of either side, except where the wish cannot be written
    /// down: then the keeper that lives now is told by the bell alone.
    func askToStop() throws {
        do {
            try StateFile.write(bytes: [], to: stop)
            ring()
        } catch {
            guard ring(Self.stopSign) else { throw error }
        }
    }

    /// In the bell's pipe: stop, whatever the files say. As a signal does.
    static let stopSign = UInt8(ascii: "s")

    /// In the bell's pipe: end the server and start it again, because of this.
    static let restartSigns: [OutlierCause: UInt8] = [.failing: UInt8(ascii: "f"), .slow: UInt8(ascii: "l")]

    /// - Returns: false where no keeper hears it.
    @discardableResult
    func askToRestart(_ cause: OutlierCause) -> Bool { Self.restartSigns[cause].map { ring($0) } ?? false }

    var isAskedToStop: Bool { access(stop, F_OK) == 0 }

    /// Wakes the keeper. - Returns: false where there is none.
    @discardableResult
    func ring(_ sign: UInt8 = UInt8(ascii: "r")) -> Bool {
        let raw = open(bell, O_WRONLY | O_NONBLOCK | O_CLOEXEC)
        guard raw >= 0 else { return false }
        defer { close(raw) }
        return write(raw, [sign], 1) == 1
    }

    func readSpec() throws -> InstanceSpec? { try StateFile.read(InstanceSpec.self, from: spec) }
    func readStatus() throws -> InstanceStatus? { try StateFile.read(InstanceStatus.self, from: status) }
    func readLeaving() throws -> InstanceLeaving? { try StateFile.read(InstanceLeaving.self, from: leaving) }
}
