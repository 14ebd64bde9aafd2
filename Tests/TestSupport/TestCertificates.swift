import Foundation

/// A certificate authority for one test, made with the openssl program.
package struct TestCertificates: Sendable {
    package let folder: URL

    package static var isAvailable: Bool { (try? ChildProcess.run(["openssl", "version"])) != nil }

    package init(in folder: URL) throws {
        self.folder = folder
        try FileManager.default.createDirectory(
            at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        try openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
            "/CN=mlctl test", "-addext", "basicConstraints=critical,CA:TRUE", "-keyout", path("ca.key"), "-out",
            path("ca.pem"))
    }

    package func path(_ name: String) -> String { folder.appending(path: name).path(percentEncoded: false) }

    package func bytes(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: folder.appending(path: name)))
    }

    /// `NAME.pem` and `NAME.key`, for 127.0.0.1.
    package func issue(_ name: String) throws {
        try openssl(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=\(name)",
            "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", path("\(name).key"), "-out",
            path("\(name).csr"))
        try openssl(
            "x509", "-req", "-in", path("\(name).csr"), "-CA", path("ca.pem"), "-CAkey", path("ca.key"),
            "-CAcreateserial", "-days", "2", "-copy_extensions", "copyall", "-out", path("\(name).pem"))
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path("\(name).key"))
    }

    private func openssl(_ arguments: String...) throws { try ChildProcess.run(["openssl"] + arguments) }
}
