"""From a query to ranked pictures, with the reasons for each."""
