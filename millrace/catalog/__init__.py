"""What Google Cloud offers and a schedule may say: tables with their date and source, and what does not fit them."""
