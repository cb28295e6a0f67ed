//! Where a reader stopped.

use std::any::Any;
use std::sync::Arc;

/// Where a reader stopped. Only the reader itself knows its content.
pub type Mark = Arc<dyn Any + Send + Sync>;
