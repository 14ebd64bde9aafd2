import CLinuxProcess
import ControlAPI
import Foundation
import Glibc
import LocalServing
import ModelManifests
import NIOSSL
import Presentation
import Subprocess

/// Checks this machine: its clock, programs, ports and certificates.
struct MachineInspection: Sendable {
    /// The limit for a program's version output.
    static let versionBytes = 4096
    /// The limit for the ports of policies and manifests.
    static let mostPorts = 4096
    private static let timesyncMark = "/run/systemd/timesync/synchronized"

    let installation: InspectedInstallation

    // MARK: Clock

    func clock(now: Date = Date()) -> [Finding] {
        var isSynchronised: Int32 = 0
        var error = 0
        let code = clp_clock_state(&isSynchronised, &error)
        let state = installation.statePath
        let newest = ["journal.sqlite", "controller.json", "token"].compactMap { name -> (String, Double)? in
            var about = stat()
            guard stat("\(state)/\(name)", &about) == 0 else { return nil }
            return ("\(state)/\(name)", Double(about.st_mtim.tv_sec) - now.timeIntervalSince1970)
        }.max { $0.1 < $1.1 }
        return ClockFindings.own(
            ClockFindings.Own(
                kernel: code == 0
                    ? .said(isSynchronised: isSynchronised != 0, greatestErrorSeconds: Double(error) / 1e6)
                    : .silent(reason: String(cString: strerror(-code)).lowercased()),
                timesyncSaysSo: FileManager.default.fileExists(atPath: Self.timesyncMark), newestFile: newest?.0,
                newestFileAheadSeconds: newest?.1 ?? 0))
    }

    // MARK: Programs

    func git() async throws -> [Finding] {
        [ToolFindings.finding(ToolFindings.git, said: try await version(of: "git", "--version"))]
    }

    func ssh() async throws -> [Finding] {
        let projects = installation.known?.projects ?? []
        guard projects.contains(where: { Self.usesSSH($0.repo) }) else {
            return [.notApplicable(.toolSSH, "no repository uses ssh")]
        }
        return [ToolFindings.finding(ToolFindings.ssh, said: try await version(of: "ssh", "-V"))]
    }

    private static func usesSSH(_ repo: String) -> Bool {
        repo.hasPrefix("ssh://")
            || (!repo.contains("://") && !repo.hasPrefix("/") && !repo.hasPrefix(".") && repo.contains(":"))
    }

    /// Nil where the program does not exist. ssh prints its version to standard error.
    private func version(of program: String, _ flag: String) async throws -> String? {
        guard isOnPath(program) else { return nil }
        let result = try await run(
            .name(program), arguments: [flag], output: .string(limit: Self.versionBytes),
            error: .string(limit: Self.versionBytes))
        return result.standardOutput + " " + result.standardError
    }

    /// - Parameter deployments: nil where the manifests could not be read.
    func programs(_ deployments: [ModelDeployment]?) -> [Finding] {
        let sources = (installation.known?.sources ?? []).compactMap { source in
            source.program.map {
                ToolFindings.Program(name: $0, wantedBy: "source '\(source.name)'", isFound: isOnPath($0))
            }
        }
        guard let deployments else { return ToolFindings.programs(sources.isEmpty ? nil : sources) }
        let servers = deployments.filter { $0.target == .local }.sorted { $0.key < $1.key }.compactMap {
            deployment -> ToolFindings.Program? in
            // mlctl's own preset is this program. A name that contains a variable, or is in the model's folder, is not known yet.
            guard let name = deployment.template.runtime.command.first, name != "mlctl", !name.contains("$("),
                name.hasPrefix("/") || !name.contains("/")
            else { return nil }
            return ToolFindings.Program(name: name, wantedBy: "\(deployment.key)", isFound: isOnPath(name))
        }
        return ToolFindings.programs(sources + servers)
    }

    private func isOnPath(_ name: String) -> Bool {
        let places =
            name.contains("/")
            ? [name] : (installation.environment["PATH"] ?? "").split(separator: ":").map { "\($0)/\(name)" }
        return places.contains { FileInspection.facts(behind: $0)?.kind == .file && access($0, X_OK) == 0 }
    }

    // MARK: Ports

    func ownPorts() throws -> [Finding] {
        guard let settings = installation.known else { return [.notLookedAt(.portOwn, "the settings cannot be read")] }
        let wanted = [(settings.listen, "the API (--listen)"), (settings.probes, "the probes (--probes)")]
        return try wanted.compactMap { text, use -> Finding? in
            guard let text else { return nil }
            let port = try ListenAddress(parsing: text).port
            guard port != 0 else { return .ok(.portOwn, "\(use) uses any free port") }
            return PortFindings.own(port: port, use: use, holder: holder(of: port))
        }
    }

    /// - Parameter deployments: nil where the manifests could not be read.
    func endpointPorts(_ deployments: [ModelDeployment]?) -> [Finding] {
        let named = (deployments ?? []).filter { $0.target == .local }.compactMap(\.endpoint.port)
        let ranges = (installation.known?.projects ?? []).flatMap { $0.policy.endpointPorts ?? [] }
        let all = Set(named).union(ranges.flatMap { $0.clamped(to: 1...65_535) }).sorted()
        let looked = all.prefix(Self.mostPorts)
        let taken = looked.compactMap { port -> (port: Int, holder: PortFindings.Holder)? in
            switch holder(of: port) {
            case .nobody, .ours: nil
            case let holder: (port, holder)
            }
        }
        return PortFindings.endpoints(
            looked: looked.count, left: all.count - looked.count, taken: taken, knowsManifests: deployments != nil)
    }

    private func holder(of port: Int) -> PortFindings.Holder {
        guard let number = UInt16(exactly: port), clp_try_bind_tcp(number) != 0 else { return .nobody }
        guard let holder = PortHolder.of(port: port) else { return .unknown }
        let isOurs =
            holder.pid == installation.controller?.pid
            || (holder.arguments.dropFirst().first == "proxy" && holder.arguments.contains(where: isOurState))
        return isOurs ? .ours : .other(holder.words)
    }

    private func isOurState(_ argument: String) -> Bool {
        argument.trimmingSlash == installation.statePath
    }

    // MARK: Certificates

    func certificate(now: Date = Date()) throws -> [Finding] {
        guard let settings = installation.known else {
            return CertificateFindings.all(nil, file: "", hosts: [], now: now)
        }
        guard let tls = settings.access.tls else {
            return CertificateFindings.all(CertificateFindings.Material.none, file: "", hosts: [], now: now)
        }
        return CertificateFindings.all(
            Self.material(tls), file: tls.certificateFile, hosts: try Self.hosts(of: settings), now: now)
    }

    /// The host names that clients use: the advertised address, else the listen address, else this machine's name.
    static func hosts(of settings: RunSettings, machine: String = ProcessInfo.processInfo.hostName) throws -> [String] {
        if let advertise = settings.advertise, let address = try? ListenAddress(parsing: advertise) {
            return [address.host]
        }
        let host = try ListenAddress(parsing: settings.listen).host
        return [["0.0.0.0", "::"].contains(host) ? machine : host]
    }

    private static func material(_ tls: AccessSettings.TLS) -> CertificateFindings.Material {
        do {
            func bytes(_ path: String) throws -> [UInt8] {
                try TokenFile.bytes(of: path, most: AccessFiles.mostPEMBytes)
            }
            let chain = try bytes(tls.certificateFile)
            let authorities = try tls.clientCAFile.map(bytes)
            // As the controller reads them: key and certificate must match.
            _ = try ServerCertificates(
                .init(certificates: chain, key: try bytes(tls.keyFile), clientAuthorities: authorities))
            guard let first = try NIOSSLCertificate.fromPEMBytes(chain).first else {
                return .unusable(reason: "\(tls.certificateFile) contains no certificate")
            }
            return .certificate(
                try facts(first),
                clientAuthorities: try authorities.map { try NIOSSLCertificate.fromPEMBytes($0).map(facts) } ?? [])
        } catch {
            return .unusable(reason: "\(error)")
        }
    }

    static func facts(_ certificate: NIOSSLCertificate) throws -> CertificateFindings.Certificate {
        CertificateFindings.Certificate(
            notBefore: Date(timeIntervalSince1970: TimeInterval(certificate.notValidBefore)),
            notAfter: Date(timeIntervalSince1970: TimeInterval(certificate.notValidAfter)),
            names: certificate._subjectAlternativeNames().compactMap(name),
            isSelfSigned: CertificateNames.isSelfIssued(try certificate.toDERBytes()) ?? false)
    }

    private static func name(_ name: _SubjectAlternativeName) -> String? {
        let bytes = Array(name.contents)
        if name.nameType == .dnsName { return String(decoding: bytes, as: UTF8.self) }
        guard name.nameType == .ipAddress else { return nil }
        if bytes.count == 4 { return bytes.map(String.init).joined(separator: ".") }
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        guard bytes.count == 16, inet_ntop(AF_INET6, bytes, &text, socklen_t(text.count)) != nil else { return nil }
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
