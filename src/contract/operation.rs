//! The operations of the service and their names on the wire (design 2, 2.1).

/// An operation of the service.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum Operation {
    /// A Certificate of Origin, exporting to importing side.
    SendCo,
    /// Amendment, withdrawal or revocation of a CO, exporting to importing side.
    SendAmendmentNotification,
    /// Acceptance or decline of a cancellation, importing to exporting side.
    SendCancellationStatus,
    /// Decision on a CO, importing to exporting side.
    SendFeedback,
    /// A Declaration of Origin, exporting to importing side.
    SendDo,
}

/// wsa:Action of every fault.
pub const FAULT_ACTION: &str = "urn:coconnect:service:1:Fault";

/// One operation as the WSDL has it, in generated code.
#[derive(Debug, PartialEq, Eq)]
pub struct OperationRow {
    /// Name of operation and wrapper.
    pub name: &'static str,
    /// Name of the answer's wrapper.
    pub response: &'static str,
    /// Path of the address.
    pub path: &'static str,
    /// SOAPAction and wsa:Action.
    pub action: &'static str,
    /// wsa:Action of the answer.
    pub response_action: &'static str,
    /// wsa:Action of the fault.
    pub fault_action: &'static str,
}

/// Names of one operation.
struct Row {
    operation: Operation,
    name: &'static str,
    response: &'static str,
    path: &'static str,
    aliases: &'static [&'static str],
    action: &'static str,
    response_action: &'static str,
}

const SEND_CO: Row = Row {
    operation: Operation::SendCo,
    name: "SendCO",
    response: "SendCOResponse",
    path: "/send-co",
    aliases: &[],
    action: "urn:coconnect:service:1:SendCO",
    response_action: "urn:coconnect:service:1:SendCOResponse",
};
const SEND_AMENDMENT_NOTIFICATION: Row = Row {
    operation: Operation::SendAmendmentNotification,
    name: "SendAmendmentNotification",
    response: "SendAmendmentNotificationResponse",
    path: "/send-amendment-notification",
    aliases: &[],
    action: "urn:coconnect:service:1:SendAmendmentNotification",
    response_action: "urn:coconnect:service:1:SendAmendmentNotificationResponse",
};
const SEND_CANCELLATION_STATUS: Row = Row {
    operation: Operation::SendCancellationStatus,
    name: "SendCancellationStatus",
    response: "SendCancellationStatusResponse",
    path: "/send-cancellation-status",
    aliases: &["/send-cancelation-status"],
    action: "urn:coconnect:service:1:SendCancellationStatus",
    response_action: "urn:coconnect:service:1:SendCancellationStatusResponse",
};
const SEND_FEEDBACK: Row = Row {
    operation: Operation::SendFeedback,
    name: "SendFeedback",
    response: "SendFeedbackResponse",
    path: "/send-feedback",
    aliases: &[],
    action: "urn:coconnect:service:1:SendFeedback",
    response_action: "urn:coconnect:service:1:SendFeedbackResponse",
};
const SEND_DO: Row = Row {
    operation: Operation::SendDo,
    name: "SendDO",
    response: "SendDOResponse",
    path: "/send-do",
    aliases: &[],
    action: "urn:coconnect:service:1:SendDO",
    response_action: "urn:coconnect:service:1:SendDOResponse",
};

impl Operation {
    /// The operations that are served, in the order of the WSDL.
    pub const SERVED: &'static [Self] = &[
        Self::SendCo,
        Self::SendAmendmentNotification,
        Self::SendCancellationStatus,
        Self::SendFeedback,
        Self::SendDo,
    ];

    const fn row(self) -> &'static Row {
        match self {
            Self::SendCo => &SEND_CO,
            Self::SendAmendmentNotification => &SEND_AMENDMENT_NOTIFICATION,
            Self::SendCancellationStatus => &SEND_CANCELLATION_STATUS,
            Self::SendFeedback => &SEND_FEEDBACK,
            Self::SendDo => &SEND_DO,
        }
    }

    /// Local name of the wrapper in Body, and of the WSDL operation: `SendCO`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// Local name of the wrapper of the answer: `SendCOResponse`.
    #[must_use]
    pub const fn response(self) -> &'static str {
        self.row().response
    }

    /// Path of the endpoint: `/send-co`.
    #[must_use]
    pub const fn path(self) -> &'static str {
        self.row().path
    }

    /// Other paths that are served alike.
    #[must_use]
    pub const fn aliases(self) -> &'static [&'static str] {
        self.row().aliases
    }

    /// SOAPAction and wsa:Action of the request.
    #[must_use]
    pub const fn action(self) -> &'static str {
        self.row().action
    }

    /// wsa:Action of the acknowledgement.
    #[must_use]
    pub const fn response_action(self) -> &'static str {
        self.row().response_action
    }

    /// The served operation at `path` (without query), aliases included.
    #[must_use]
    pub fn from_path(path: &str) -> Option<Self> {
        Self::find(|row| row.path == path || row.aliases.contains(&path))
    }

    /// The served operation whose wsa:Action is `action`.
    #[must_use]
    pub fn from_action(action: &str) -> Option<Self> {
        Self::find(|row| row.action == action)
    }

    /// The served operation whose wrapper is `{svc}name`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::find(|row| row.name == name)
    }

    fn find(wanted: impl Fn(&Row) -> bool) -> Option<Self> {
        Self::SERVED.iter().map(|operation| operation.row()).find(|row| wanted(row)).map(|row| row.operation)
    }
}
